//! The console in a browser, and without one.

mod walk;
