//! Any bytes are a body or a refusal, and what is read is canonical: read again by the letter, it
//! stays as it is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scim_core::schema::Catalog;
use scim_core::{Dialect, Rule, json, resource};
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    let Ok(body) = json::parse(bytes) else { return };
    for resource_type in Catalog::builtin().resource_types() {
        let Ok(incoming) = resource::read(resource_type, &body, Dialect::all()) else { continue };
        let kept = Value::Object(incoming.resource.as_map().clone());
        let letter = Dialect::strict().with(Rule::MissingSchemas);
        let again = resource::read(resource_type, &kept, letter).expect("what is kept is readable");
        assert_eq!(again.resource, incoming.resource);
    }
});
