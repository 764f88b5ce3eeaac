//! The SCIM 2.0 protocol (RFC 7643, RFC 7644) as pure functions.
//!
//! No input or output, no clock, no randomness, no async: what comes in is bytes, text and JSON,
//! what goes out is JSON, decisions and a [`ScimError`]. Everything is driven by [`schema`]s; User and
//! Group are data to one code path.
//!
//! | module | what |
//! |---|---|
//! | [`json`] | the door: bytes become a JSON value, bounded |
//! | [`schema`] | schemas, resource types, the catalog |
//! | [`resource`] | bodies of POST and PUT become the canonical form that is kept |
//! | [`relation`] | references that are kept as rows: the members of a group |
//! | [`patch`] | PATCH: parse, then apply |
//! | [`bulk`] | bulk requests: reading and ordering |
//! | [`filter`], [`path`] | the query language and attribute paths |
//! | [`index`], [`fold`] | what is searched by index, and the one case folding |
//! | [`sort`], [`list`] | the order and the part of a result |
//! | [`project`], [`meta`], [`discovery`] | what answers look like |
//! | [`dialect`], [`notes`], [`shape`] | what is tolerated, what was, and what was left out |
//! | [`token`] | bearer tokens |
//! | [`error`] | why not |
//!
//! ```
//! use scim_core::{Dialect, json, patch, resource, schema::Catalog};
//!
//! let catalog = Catalog::builtin();
//! let user = catalog.by_endpoint("users").expect("users are built in");
//! let dialect = Dialect::for_idp_name("entra");
//!
//! let body = json::parse(br#"{"userName": "robertt", "name": {"givenName": "Robert"}}"#)?;
//! let mut robert = resource::read(user, &body, dialect)?.resource;
//!
//! let body = json::parse(br#"{"Operations": [{"op": "Replace", "path": "active", "value": "False"}]}"#)?;
//! let patch = patch::parse(user, &body, dialect)?;
//! let patched = patch::apply(user, &mut robert, &patch, dialect)?;
//!
//! assert!(patched.changed);
//! assert_eq!(robert.as_map()["active"], false);
//! # Ok::<(), scim_core::ScimError>(())
//! ```

pub mod bulk;
mod coerce;
pub mod dialect;
pub mod discovery;
pub mod error;
pub mod filter;
pub mod fold;
pub mod index;
pub mod json;
pub mod list;
pub mod meta;
pub mod nearest;
pub mod notes;
pub mod password;
pub mod patch;
pub mod path;
pub mod project;
pub mod relation;
pub mod resource;
pub mod schema;
mod schemas;
pub mod shape;
pub mod sort;
pub mod splice;
pub mod time;
pub mod token;

pub use dialect::{Dialect, Rule};
pub use error::{Kind, ScimError, ScimType};
pub use notes::Notes;
