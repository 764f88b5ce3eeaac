//! Any bytes are a PATCH or a refusal; a refused one changes nothing, and what an accepted one
//! leaves is canonical.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scim_core::schema::Catalog;
use scim_core::{Dialect, Rule, json, patch, resource};
use serde_json::{Value, json};

fuzz_target!(|bytes: &[u8]| {
    let Ok(body) = json::parse(bytes) else { return };
    let start = json!({
        "userName": "b", "displayName": "B", "name": {"givenName": "B"},
        "emails": [{"value": "a", "type": "work", "primary": true}, {"value": "a", "type": "home"}],
    });
    for resource_type in Catalog::builtin().resource_types() {
        let Ok(patch) = patch::parse(resource_type, &body, Dialect::all()) else { continue };
        let before = resource::read(resource_type, &start, Dialect::all()).expect("a good body").resource;
        let mut after = before.clone();
        if patch::apply(resource_type, &mut after, &patch, Dialect::all()).is_err() {
            assert_eq!(after, before);
            continue;
        }
        let kept = Value::Object(after.as_map().clone());
        let letter = Dialect::strict().with(Rule::MissingSchemas);
        let again = resource::read(resource_type, &kept, letter).expect("what is kept is readable");
        let mut map = again.resource.into_map();
        if !again.names_active {
            map.remove("active");
        }
        assert_eq!(&map, after.as_map());
    }
});
