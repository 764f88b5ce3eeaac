//! The console in a browser, with and without its scripts.

mod furnished;
mod pages;
mod rotation;
mod walk;
