//! How fast the protocol is: `cargo bench -p scim-core`. Figures and what they mean: `docs/performance.md`.
#![expect(clippy::unwrap_used, reason = "what is measured are known good inputs")]

use std::sync::Arc;

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use scim_core::filter::Filter;
use scim_core::list::list_response;
use scim_core::meta::Meta;
use scim_core::patch::{self, Patch};
use scim_core::project::{Projection, render};
use scim_core::relation::Link;
use scim_core::resource::{self, Resource};
use scim_core::schema::{Catalog, ResourceType};
use scim_core::splice::{Parts, Splice};
use scim_core::{Dialect, json};
use serde_json::{Map, Value};

/// A user as identity providers send them, 1 kB.
const USER: &[u8] = br#"{
  "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User",
              "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
  "externalId": "0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef",
  "userName": "barbara.jensen@example.com",
  "name": {"formatted": "Barbara Jensen", "familyName": "Jensen", "givenName": "Barbara"},
  "displayName": "Barbara Jensen", "title": "Tour Guide", "preferredLanguage": "en-GB",
  "active": true,
  "emails": [{"value": "barbara.jensen@example.com", "type": "work", "primary": true},
             {"value": "babs@jensen.example", "type": "home"}],
  "phoneNumbers": [{"value": "+44 20 7946 0123", "type": "work"}],
  "addresses": [{"type": "work", "streetAddress": "100 Universal City Plaza", "locality": "Hollywood",
                 "region": "CA", "postalCode": "91608", "country": "US"}],
  "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
    "employeeNumber": "701984", "department": "Tour Operations", "manager": {"value": "26118915"}}
}"#;

const FILTERS: [&str; 3] = [
    r#"userName eq "barbara.jensen@example.com""#,
    r#"emails[type eq "work" and value ew "@example.com"] and active eq true"#,
    r#"title pr and (meta.lastModified gt "2011-05-13T04:42:34Z" or not (name.familyName sw "Smi"))"#,
];

const PATCHES: [(&str, &str); 3] = [
    ("path", r#"{"Operations": [{"op": "replace", "path": "displayName", "value": "Babs"}]}"#),
    (
        "no path, dotted keys",
        r#"{"Operations": [{"op": "replace", "value": {"displayName": "Babs", "name.givenName": "Babs",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber": "6791"}}]}"#,
    ),
    (
        "filtered",
        r#"{"Operations": [{"op": "Replace", "path": "emails[type eq \"work\"].value", "value": "b@example.com"},
            {"op": "Add", "path": "phoneNumbers[type eq \"mobile\"].value", "value": "+44 7700 900123"}]}"#,
    ),
];

fn main() {
    divan::main();
}

fn resource_type(name: &str) -> Arc<ResourceType> {
    Arc::clone(Catalog::builtin().by_name(name).unwrap())
}

fn barbara() -> Resource {
    resource::read(&resource_type("User"), &json::parse(USER).unwrap(), Dialect::strict()).unwrap().resource
}

fn meta() -> Meta {
    let id = "01932d7c-5c1e-7d3a-9f5e-2b0a6a4f1c11";
    Meta {
        id: id.into(),
        created: 1_763_942_400_000,
        last_modified: 1_763_946_000_000,
        version: "W/\"3\"".into(),
        location: format!("https://scim.example.com/scim/onelogin/v2/Users/{id}"),
    }
}

fn shown(projection: &Projection) -> Map<String, Value> {
    render(&resource_type("User"), barbara(), &meta(), Vec::new(), projection)
}

/// Bodies of POST and PUT: bytes to what is kept.
#[divan::bench]
fn read_body(bencher: Bencher<'_, '_>) {
    let user = resource_type("User");
    bencher.bench(|| {
        let body = json::parse(black_box(USER)).unwrap();
        resource::read(&user, &body, Dialect::all()).unwrap()
    });
}

#[divan::bench(args = FILTERS)]
fn parse_filter(text: &str) -> Filter {
    Filter::parse(black_box(text), Dialect::strict()).unwrap()
}

#[divan::bench(args = FILTERS)]
fn evaluate_filter(bencher: Bencher<'_, '_>, text: &str) {
    let (user, resource) = (resource_type("User"), shown(&Projection::all()));
    let filter = Filter::parse(text, Dialect::strict()).unwrap();
    bencher.bench(|| filter.matches(black_box(&user), black_box(&resource)));
}

fn patch_of(text: &str) -> Patch {
    patch::parse(&resource_type("User"), &json::parse(text.as_bytes()).unwrap(), Dialect::all()).unwrap()
}

#[divan::bench(args = PATCHES.map(|(name, _)| name))]
fn parse_patch(bencher: Bencher<'_, '_>, name: &str) {
    let (_, text) = PATCHES.into_iter().find(|(known, _)| *known == name).unwrap();
    bencher.bench(|| patch_of(black_box(text)));
}

#[divan::bench(args = PATCHES.map(|(name, _)| name))]
fn apply_patch(bencher: Bencher<'_, '_>, name: &str) {
    let (_, text) = PATCHES.into_iter().find(|(known, _)| *known == name).unwrap();
    let (user, patch, before) = (resource_type("User"), patch_of(text), barbara());
    bencher.with_inputs(|| before.clone()).bench_local_refs(|resource| {
        patch::apply(&user, resource, &patch, Dialect::all()).unwrap();
    });
}

/// A user as GET shows it, without and with the two parameters.
#[divan::bench(args = ["", "attributes=userName,emails.value", "excludedAttributes=groups,addresses"])]
fn render_user(bencher: Bencher<'_, '_>, query: &str) {
    let (user, resource, meta) = (resource_type("User"), barbara(), meta());
    let attributes = query.strip_prefix("attributes=");
    let excluded = query.strip_prefix("excludedAttributes=");
    let projection = Projection::parse(&user, attributes, excluded).unwrap();
    bencher
        .with_inputs(|| resource.clone())
        .bench_local_values(|resource| render(black_box(&user), resource, &meta, Vec::new(), &projection));
}

/// A group with its members.
#[divan::bench(args = [10, 1000])]
fn render_group(bencher: Bencher<'_, '_>, members: usize) {
    let group = resource_type("Group");
    let body = serde_json::json!({ "displayName": "Tour Guides" });
    let resource = resource::read(&group, &body, Dialect::all()).unwrap().resource;
    let meta = meta();
    bencher.counter(ItemsCount::new(members)).bench(|| {
        let location = || Some("https://scim.example.com/scim/onelogin/v2/Users/7".to_owned());
        let member =
            |n: usize| Link { value: &n.to_string(), location: location(), ..Link::default() }.to_value();
        let members = (0..members).map(member);
        let links = vec![("members".to_owned(), members.collect())];
        render(black_box(&group), resource.clone(), &meta, links, &Projection::all())
    });
}

/// The same answer from the text that is kept.
#[divan::bench]
fn splice_user(bencher: Bencher<'_, '_>) {
    let (user, meta) = (resource_type("User"), meta());
    let kept = serde_json::to_string(&barbara()).unwrap();
    bencher.bench(|| {
        let mut out = Vec::with_capacity(2048);
        Splice::of(black_box(&user)).write(&Parts::new(&kept, &meta, &[]), &mut out);
        out
    });
}

/// The text of one user's answer.
#[divan::bench]
fn serialise_user(bencher: Bencher<'_, '_>) {
    let value = Value::Object(shown(&Projection::all()));
    bencher.bench(|| json::write(black_box(&value)));
}

/// All of a page: rendered, put into a list, written.
#[divan::bench(args = [100])]
fn answer_list(bencher: Bencher<'_, '_>, users: usize) {
    let (user, resource, meta) = (resource_type("User"), barbara(), meta());
    bencher.counter(ItemsCount::new(users)).with_inputs(|| vec![resource.clone(); users]).bench_local_values(
        |resources| {
            let all = resources
                .into_iter()
                .map(|resource| render(&user, resource, &meta, Vec::new(), &Projection::all()));
            json::write(&list_response(100, 1, all.map(Value::Object).collect()))
        },
    );
}
