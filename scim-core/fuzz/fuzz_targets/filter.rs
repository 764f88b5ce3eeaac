//! Any text is a filter or a refusal, and a filter reads back as it is printed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scim_core::Dialect;
use scim_core::filter::Filter;
use scim_core::schema::Catalog;
use serde_json::Map;

fuzz_target!(|text: &str| {
    for dialect in [Dialect::strict(), Dialect::all()] {
        let Ok(filter) = Filter::parse(text, dialect) else { continue };
        let printed = filter.to_string();
        // What a bare word or a lavish use of blanks saved may not fit any more.
        if printed.len() <= scim_core::filter::MAX_LENGTH {
            assert_eq!(Filter::parse(&printed, dialect).as_ref(), Ok(&filter), "{printed}");
        }
        for resource_type in Catalog::builtin().resource_types() {
            let _ = filter.check(resource_type);
            let _ = filter.matches(resource_type, &Map::new());
        }
    }
});
