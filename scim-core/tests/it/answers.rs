//! What answers look like: rendering, projection, lists, discovery, index keys.

use rstest::rstest;
use scim_core::discovery::{self, BulkLimits, Capabilities, Paging};
use scim_core::index::{self, IndexKey};
use scim_core::list::{Page, list_response};
use scim_core::meta::{Membership, Meta, etag, version_in};
use scim_core::path::AttrPath;
use scim_core::project::{Projection, render};
use scim_core::relation::Link;
use scim_core::resource::Resource;
use scim_core::schema::{Catalog, Returned};
use scim_core::splice::{Parts, Splice};
use serde_json::{Value, json};

use crate::support::{group, user};

const CORE: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn meta() -> Meta {
    Meta {
        id: "7".into(),
        created: 0,
        last_modified: 1,
        version: etag(3, []),
        location: "https://h/scim/e/v2/Users/7".into(),
    }
}

fn barbara() -> Resource {
    let map = json!({
        "active": true,
        "emails": [{ "type": "work", "value": "BJ@x.example" }, { "type": "home", "value": "bj@x.example" }],
        "externalId": "E-1",
        "name": { "familyName": "Jensen", "givenName": "Barbara" },
        "userName": "BJensen",
        ENTERPRISE: { "department": "Sales", "manager": { "value": "m1" } },
    });
    Resource::from_stored(map.as_object().unwrap().clone())
}

fn shown(attributes: Option<&str>, excluded: Option<&str>) -> Value {
    let user = user();
    let projection = Projection::parse(&user, attributes, excluded).unwrap();
    let links = [("groups".to_owned(), vec![json!({ "value": "g1", "type": "direct" })])];
    Value::Object(render(&user, barbara(), &meta(), links.into(), &projection))
}

#[test]
fn a_resource_is_shown_in_the_order_of_its_schemas() {
    let shown = shown(None, None);
    let keys: Vec<&str> = shown.as_object().unwrap().keys().map(String::as_str).collect();
    let expected =
        ["schemas", "id", "externalId", "userName", "name", "active", "emails", "groups", ENTERPRISE, "meta"];
    assert_eq!(keys, expected);
    assert_eq!(shown["schemas"], json!([CORE, ENTERPRISE]));
    let expected = json!({
        "resourceType": "User",
        "created": "1970-01-01T00:00:00.000Z",
        "lastModified": "1970-01-01T00:00:00.001Z",
        "location": "https://h/scim/e/v2/Users/7",
        "version": "W/\"3\"",
    });
    assert_eq!(shown["meta"], expected);
}

#[test]
fn an_entity_tag_covers_the_groups_that_are_shown() {
    let staff = Membership { id: "g1", name: "Staff", direct: true };
    let clerks = Membership { id: "g2", name: "Clerks", direct: true };
    let tags = [
        etag(3, []),
        etag(4, []),
        etag(3, [staff]),
        etag(4, [staff]),
        etag(3, [Membership { name: "Crew", ..staff }]),
        etag(3, [Membership { direct: false, ..staff }]),
        etag(3, [clerks]),
        etag(3, [staff, clerks]),
        etag(3, [Membership { id: "g", name: "1Staff", direct: true }]),
    ];
    let different: std::collections::BTreeSet<&String> = tags.iter().collect();
    assert_eq!(different.len(), tags.len(), "{tags:?}");
    assert_eq!(etag(3, []), "W/\"3\"");
    assert_eq!(etag(3, [staff]), etag(3, [staff]), "the same groups give the same tag");
    for (tag, version) in tags.iter().zip([3, 4, 3, 4]) {
        assert_eq!(version_in(tag.trim_start_matches("W/").trim_matches('"')), Some(version), "{tag}");
    }
}

#[rstest]
#[case::empty("")]
#[case::no_number("made-up")]
#[case::no_digest("3-")]
#[case::a_digest_of_another_length("3-9f86d0")]
#[case::something_else_behind("3-9f86d081884z")]
#[case::no_version("-9f86d081884c")]
fn what_is_no_tag_of_ours_has_no_version(#[case] opaque: &str) {
    assert_eq!(version_in(opaque), None);
}

#[rstest]
#[case::one(Some("userName"), None, json!({"userName": "BJensen"}))]
#[case::any_case(Some("USERNAME"), None, json!({"userName": "BJensen"}))]
#[case::with_urn(Some("urn:ietf:params:scim:schemas:core:2.0:User:userName"), None, json!({"userName": "BJensen"}))]
#[case::part(Some("name.givenName"), None, json!({"name": {"givenName": "Barbara"}}))]
#[case::part_of_a_list(Some("emails.type"), None, json!({"emails": [{"type": "work"}, {"type": "home"}]}))]
#[case::part_of_meta(Some("meta.version"), None, json!({"meta": {"version": "W/\"3\""}}))]
#[case::extension(Some(ENTERPRISE), None, json!({ENTERPRISE: {"department": "Sales", "manager": {"value": "m1"}}}))]
#[case::of_an_extension(
    Some("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department"), None,
    json!({ENTERPRISE: {"department": "Sales"}})
)]
#[case::of_an_extension_without_urn(Some("department"), None, json!({ENTERPRISE: {"department": "Sales"}}))]
#[case::unknown(Some("shoeSize"), None, json!({}))]
#[case::both(Some("userName, name"), Some("name.familyName"), json!({"userName": "BJensen", "name": {"givenName": "Barbara"}}))]
#[case::secret(Some("password"), None, json!({}))]
fn what_is_asked_for_is_shown(
    #[case] attributes: Option<&str>,
    #[case] excluded: Option<&str>,
    #[case] expected: Value,
) {
    let mut shown = shown(attributes, excluded);
    let shown = shown.as_object_mut().unwrap();
    assert!(shown.remove("schemas").is_some() && shown.remove("id").is_some(), "always there");
    assert_eq!(Value::Object(shown.clone()), expected);
}

#[test]
fn what_is_excluded_is_left_out_but_for_the_id() {
    let excluded = format!("id,emails,name.givenName,meta,{ENTERPRISE},groups,externalId,active");
    let shown = shown(Some(" "), Some(&excluded));
    let expected = json!({
        "schemas": [CORE, ENTERPRISE],
        "id": "7",
        "userName": "BJensen",
        "name": { "familyName": "Jensen" },
    });
    assert_eq!(shown, expected);
}

#[rstest]
#[case(None, None, true)]
#[case(Some("displayName"), None, false)]
#[case(Some("Members.value"), None, true)]
#[case(None, Some("MEMBERS"), false)]
#[case(None, Some("members.display"), true)]
fn members_are_read_only_if_wanted(
    #[case] attributes: Option<&str>,
    #[case] excluded: Option<&str>,
    #[case] wanted: bool,
) {
    let projection = Projection::parse(&group(), attributes, excluded).unwrap();
    assert_eq!(projection.wants("members"), wanted);
}

#[test]
fn members_are_shown_with_their_urls() {
    let group = group();
    let location = Some("https://h/Users/a".into());
    let member = Link { value: "a", kind: Some("User"), location, display: None };
    let links = [("members".to_owned(), vec![member.to_value()])];
    let projection = Projection::parse(&group, Some("members"), None).unwrap();
    let shown = render(&group, Resource::default(), &meta(), links.into(), &projection);
    let expected = json!([{ "value": "a", "$ref": "https://h/Users/a", "type": "User" }]);
    assert_eq!(shown["members"], expected);
}

/// What is put together from text says the same as what is rendered from a tree.
#[test]
fn a_spliced_answer_is_the_rendered_one() {
    let tricky = "\\\"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User\":{ ü \u{1F600} }{";
    let bare = Resource::from_stored(json!({ "userName": tricky }).as_object().unwrap().clone());
    let people =
        [("User", barbara()), ("User", bare), ("User", Resource::default()), ("Group", Resource::default())];
    let location = || Some("https://h/Groups/\"g\"".to_owned());
    let link = || Link { value: "g\"1", kind: Some("direct"), location: location(), display: Some("Café") };
    for (name, resource) in people {
        let rt = Catalog::builtin().by_name(name).unwrap().clone();
        let attribute = rt.relation.clone().unwrap_or("groups".into());
        for links in [vec![], vec![link()], vec![link(), Link { value: "2", ..Link::default() }]] {
            let kept = serde_json::to_string(&resource).unwrap();
            let values = links.iter().map(Link::to_value).collect();
            let mut out = b"before".to_vec();
            let (meta, links) = (meta(), [(attribute.as_str(), links)]);
            let parts = Parts::new(&kept, &meta, &links);
            Splice::of(&rt).write(&parts, &mut out);
            let spliced: Value = serde_json::from_slice(out.strip_prefix(b"before").unwrap()).unwrap();
            let all = Projection::all();
            let rendered = render(&rt, resource.clone(), &meta, vec![(attribute.clone(), values)], &all);
            assert_eq!(spliced, Value::Object(rendered));
        }
    }
}

/// Splicing chooses nothing: no type that is put together from text may keep what is not shown.
#[test]
fn types_that_are_shown_as_kept_keep_nothing_else() {
    let catalog = Catalog::builtin();
    for rt in catalog.resource_types().iter().filter(|rt| rt.shown_as_kept) {
        for (_, attribute) in
            rt.attributes().filter(|(_, a)| a.is_stored() && rt.relation.as_ref() != Some(&a.name))
        {
            for part in std::iter::once(attribute).chain(&attribute.sub_attributes) {
                assert!(
                    matches!(part.returned, Returned::Always | Returned::Default),
                    "{} {}",
                    rt.name,
                    part.name
                );
            }
        }
    }
    let own = Catalog::with_definitions(&json!({})).unwrap();
    assert!(own.resource_types().iter().all(|rt| !rt.shown_as_kept), "definitions may have come and gone");
}

#[test]
fn a_malformed_projection_is_refused() {
    let error = Projection::parse(&user(), Some("userName,emails[0]"), None).unwrap_err();
    assert_eq!(error.status(), 400);
}

#[test]
fn searchable_values_are_folded_unless_case_matters() {
    let key = |attribute: &str, key: &str, unique: bool| IndexKey {
        attribute: attribute.into(),
        key: key.into(),
        unique,
    };
    let expected = [
        key("userName", "bjensen", true),
        key("externalId", "E-1", false),
        key("name.givenName", "barbara", false),
        key("name.familyName", "jensen", false),
        key("emails.value", "bj@x.example", false),
    ];
    assert_eq!(index::keys(&user(), &barbara()), expected);

    let named = json!({ "displayName": "Über" });
    let resource = Resource::from_stored(named.as_object().unwrap().clone());
    assert_eq!(index::keys(&group(), &resource), [key("displayName", "über", true)]);
    assert_eq!(resource.display_name(&group()), "Über");
}

#[rstest]
#[case("USERNAME", Some("userName"))]
#[case("emails", Some("emails.value"))]
#[case("emails.value", Some("emails.value"))]
#[case("emails.type", None)]
#[case("title", None)]
#[case("nothing", None)]
fn index_by_path(#[case] path: &str, #[case] name: Option<&str>) {
    let path = AttrPath::parse(path).unwrap();
    assert_eq!(index::is_indexed(&user(), &path).as_deref(), name);
}

#[rstest]
#[case(None, None, (1, 100))]
#[case(Some(""), Some(""), (1, 100))]
#[case(Some("0"), Some("0"), (1, 0))]
#[case(Some("-5"), Some("-5"), (1, 0))]
#[case(Some(" 3 "), Some("5000"), (3, 1000))]
#[case(Some("99999999999999999999999999999999999999999"), Some("1"), (i64::MAX.unsigned_abs(), 1))]
fn pages_are_read_leniently(
    #[case] start: Option<&str>,
    #[case] count: Option<&str>,
    #[case] expected: (u64, u64),
) {
    let page = Page::parse(start, count, 100, 1000).unwrap();
    assert_eq!((page.start_index, page.count), expected);
}

#[rstest]
#[case(Some("one"), None)]
#[case(None, Some("1.5"))]
#[case(None, Some("-"))]
fn pages_that_are_no_number_are_refused(#[case] start: Option<&str>, #[case] count: Option<&str>) {
    let error = Page::parse(start, count, 100, 1000).unwrap_err();
    assert_eq!(error.to_body()["scimType"], "invalidValue");
}

#[test]
fn an_empty_list_is_still_a_list() {
    let expected = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": 0, "startIndex": 1, "itemsPerPage": 0, "Resources": [],
    });
    assert_eq!(list_response(0, 1, Vec::new()), expected);
}

#[test]
fn discovery_says_what_it_is_given() {
    let capabilities = Capabilities {
        patch: true,
        bulk: Some(BulkLimits { max_operations: 1000, max_payload_size: 1_048_576 }),
        filter_max_results: Some(1000),
        change_password: false,
        sort: true,
        etag: true,
        paging: Paging { cursor: false, default_page_size: 100, max_page_size: 1000, cursor_timeout: None },
        documentation_uri: None,
    };
    let config = discovery::service_provider_config(&capabilities, "https://h/v2/");
    assert_eq!(
        config["bulk"],
        json!({"supported": true, "maxOperations": 1000, "maxPayloadSize": 1_048_576})
    );
    assert_eq!(config["meta"]["location"], "https://h/v2/ServiceProviderConfig");

    let shown = discovery::resource_type(&user(), "https://h/v2");
    assert_eq!(shown["endpoint"], "/Users");
    assert_eq!(shown["schemaExtensions"], json!([{"schema": ENTERPRISE, "required": false}]));
    assert!(discovery::resource_type(&group(), "https://h/v2").get("schemaExtensions").is_none());

    let catalog = Catalog::builtin();
    let schema = catalog.schema(CORE).unwrap();
    let mut shown = discovery::schema(schema, "https://h/v2");
    let meta = shown.as_object_mut().unwrap().remove("meta").unwrap();
    assert_eq!(meta["location"], format!("https://h/v2/Schemas/{CORE}"));
    assert_eq!(shown, *schema.json(), "verbatim");
}
