//! The console in a browser, with and without its scripts.

mod copies;
mod budget;
mod furnished;
mod gallery;
mod keyboard;
mod pages;
mod people;
mod rotation;
mod walk;
