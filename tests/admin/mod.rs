//! The console in a browser, with and without its scripts.

mod copies;
mod budget;
mod furnished;
mod keyboard;
mod pages;
mod people;
mod rotation;
mod walk;
