//! The resource types that every endpoint begins with.

use std::sync::{Arc, LazyLock};

use super::model::{Attribute, Schema};
use super::resource_type::{Extension, ResourceType};

const USER: &str = include_str!("definitions/user.json");
const GROUP: &str = include_str!("definitions/group.json");
const ENTERPRISE_USER: &str = include_str!("definitions/enterprise_user.json");
const COMMON: &str = include_str!("definitions/common.json");

/// URNs that stand for a core schema in the requests of older and of vendor clients. They do not
/// tell users from groups.
const OLD_CORE: [&str; 3] =
    ["urn:scim:schemas:core:1.0", "urn:scim:schemas:core:2.0", "urn:ietf:params:scim:schemas:core:2.0"];

pub(super) fn resource_types() -> Vec<Arc<ResourceType>> {
    vec![Arc::new(user(common())), Arc::new(group(common()))]
}

/// The attributes that every resource has.
pub(super) fn common() -> Arc<[Attribute]> {
    static ONCE: LazyLock<Arc<[Attribute]>> = LazyLock::new(|| definition::<Vec<Attribute>>(COMMON).into());
    Arc::clone(&ONCE)
}

fn user(common: Arc<[Attribute]>) -> ResourceType {
    let core = schema(USER).with_aliases(&OLD_CORE).with_aliases(&[
        "urn:scim:schemas:core:2.0:User",
        "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/User",
        "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/User",
    ]);
    let enterprise = schema(ENTERPRISE_USER).with_aliases(&[
        "urn:scim:schemas:extension:enterprise:1.0",
        "urn:scim:schemas:extension:enterprise:2.0",
        "urn:scim:schemas:extension:enterprise:2.0:User",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0",
    ]);
    let indexed = ["externalId", "displayName", "name.givenName", "name.familyName", "emails.value"];
    ResourceType {
        id: "User".into(),
        name: "User".into(),
        endpoint: "Users".into(),
        description: "User Account".into(),
        schema: Arc::new(core),
        extensions: vec![Extension { schema: Arc::new(enterprise), required: false, without_urn: false }],
        relation: None,
        state: Some("active".into()),
        indexed: indexed.map(String::from).into(),
        common,
        shown_as_kept: true,
    }
}

fn group(common: Arc<[Attribute]>) -> ResourceType {
    let core = schema(GROUP).with_aliases(&OLD_CORE).with_aliases(&[
        "urn:scim:schemas:core:2.0:Group",
        "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/Group",
        "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group",
    ]);
    ResourceType {
        id: "Group".into(),
        name: "Group".into(),
        endpoint: "Groups".into(),
        description: "Group".into(),
        schema: Arc::new(core),
        extensions: Vec::new(),
        relation: Some("members".into()),
        state: None,
        indexed: vec!["externalId".into()],
        common,
        shown_as_kept: true,
    }
}

#[expect(clippy::expect_used, reason = "the definitions are part of the program; a test reads all of them")]
fn definition<T: serde::de::DeserializeOwned>(text: &str) -> T {
    serde_json::from_str(text).expect("a built-in definition is readable")
}

#[expect(clippy::expect_used, reason = "the definitions are part of the program; a test reads all of them")]
fn schema(text: &str) -> Schema {
    Schema::from_json(definition(text)).expect("a built-in definition is a schema")
}
