//! Any text is a path or a refusal, and a path reads back as it is printed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scim_core::Dialect;
use scim_core::path::{AttrPath, PatchPath};

fuzz_target!(|text: &str| {
    if let Ok(path) = AttrPath::parse(text) {
        assert_eq!(AttrPath::parse(&path.to_string()).as_ref(), Ok(&path));
    }
    if let Ok(path) = PatchPath::parse(text, Dialect::strict()) {
        assert_eq!(PatchPath::parse(&path.to_string(), Dialect::strict()).as_ref(), Ok(&path));
    }
});
