//! The console in a browser, with and without its scripts.

mod copies;
mod furnished;
mod pages;
mod people;
mod rotation;
mod verify;
mod walk;
