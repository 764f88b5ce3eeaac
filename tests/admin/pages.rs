//! Every page.
