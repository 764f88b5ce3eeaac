//! `If-Match` and `If-None-Match` (RFC 7644 §3.14, RFC 9110 §13).

use actix_web::HttpRequest;
use actix_web::http::header::{EntityTag, Header as _, IfMatch, IfNoneMatch};
use endpoint_store::directory::Precondition;
use scim_core::meta::version_in;

/// What the requester knows of the resource it changes. A tag that is not one of ours fits no version. Only the version of
/// the resource itself counts: nobody can write the groups of a user through the user, so that no update of them could
/// be lost, and a client is not refused because an unrelated group was renamed meanwhile.
pub(super) fn if_match(req: &HttpRequest) -> Precondition {
    if !req.headers().contains_key(actix_web::http::header::IF_MATCH) {
        return Precondition::None;
    }
    match IfMatch::parse(req) {
        Ok(IfMatch::Any) => Precondition::None,
        Ok(IfMatch::Items(tags)) => Precondition::Versions(tags.iter().filter_map(version).collect()),
        Err(_) => Precondition::Versions(Vec::new()),
    }
}

/// The `version` of a bulk operation, an entity tag.
pub(super) fn of_version(text: &str) -> Precondition {
    let tag: Option<EntityTag> = text.parse().ok();
    Precondition::Versions(tag.as_ref().and_then(version).into_iter().collect())
}

/// Whether the requester has the answer with this entity tag already. The whole tag counts, groups too.
pub(super) fn is_known(req: &HttpRequest, current: &str) -> bool {
    match IfNoneMatch::parse(req) {
        Ok(IfNoneMatch::Any) => req.headers().contains_key(actix_web::http::header::IF_NONE_MATCH),
        Ok(IfNoneMatch::Items(tags)) => {
            let current: Option<EntityTag> = current.parse().ok();
            current.is_some_and(|current| tags.iter().any(|tag| tag.weak_eq(&current)))
        }
        Err(_) => false,
    }
}

fn version(tag: &EntityTag) -> Option<i64> {
    version_in(tag.tag())
}
