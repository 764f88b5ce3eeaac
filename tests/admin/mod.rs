//! The console in a browser, with and without its scripts.

mod budget;
mod copies;
mod furnished;
mod gallery;
mod keyboard;
mod pages;
mod people;
mod rotation;
mod vault_walk;
mod verify;
mod walk;
