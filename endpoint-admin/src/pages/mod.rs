//! The pages: one file each, with a struct per page and per partial, and the handlers that fill it.

pub(crate) mod account;
pub(crate) mod activity;
pub(crate) mod api_keys;
pub(crate) mod audit;
pub(crate) mod bin;
pub(crate) mod connect;
pub(crate) mod copies;
mod definitions;
pub(crate) mod errors;
pub(crate) mod evidence;
mod facts;
mod failures;
pub(crate) mod files;
pub(crate) mod group;
pub(crate) mod groups;
pub(crate) mod guest_links;
pub(crate) mod guest_pages;
mod history;
mod likeness;
pub(crate) mod networks;
pub(crate) mod new_endpoint;
pub(crate) mod operators;
pub(crate) mod outside;
pub(crate) mod overview;
pub(crate) mod own_password;
mod policies;
mod progress;
pub(crate) mod request;
pub(crate) mod request_guest;
mod request_state;
pub(crate) mod requests;
pub(crate) mod rotation;
mod rotation_watch;
pub(crate) mod schema;
pub(crate) mod second_factor;
pub(crate) mod settings;
pub(crate) mod sign_in_code;
pub(crate) mod system;
pub(crate) mod target;
pub(crate) mod target_state;
pub(crate) mod targets;
mod todo;
mod token_form;
pub(crate) mod tokens;
mod tolerances;
pub(crate) mod user;
pub(crate) mod users;
pub(crate) mod verify;
pub(crate) mod webhook;
pub(crate) mod webhooks;

#[cfg(test)]
mod browser;
#[cfg(test)]
mod evidence_walk;
#[cfg(test)]
mod preview;
#[cfg(test)]
mod walls;

use std::sync::Arc;

use actix_web::{
    HttpResponse,
    http::{
        StatusCode,
        header::{CONTENT_TYPE, LOCATION},
    },
};
use askama::Template;
use endpoint_store::{Endpoint, StoreError};
use scim_core::schema::ResourceType;

use crate::error::PageError;

/// What a handler answers.
pub(crate) type Answer = Result<HttpResponse, PageError>;

/// A page with status 200.
pub(crate) fn html(page: &impl Template) -> Answer {
    html_as(StatusCode::OK, page)
}

/// A page with another status: 422 when a form comes back with what is wrong.
pub(crate) fn html_as(status: StatusCode, page: &impl Template) -> Answer {
    let text = page.render().map_err(PageError::internal)?;
    Ok(HttpResponse::build(status).insert_header((CONTENT_TYPE, "text/html; charset=utf-8")).body(text))
}

/// What a browser asks for after a form: a reload then repeats nothing.
pub(crate) fn see(path: impl AsRef<str>) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, path.as_ref())).finish()
}

/// The sentence for `?done=…`, which a handler appends to where it redirects. Fixed sentences
/// only: nobody can put words into a page with a link.
pub(crate) fn done(query: &str) -> Option<&'static str> {
    let code = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "done")?.1;
    Some(match code.as_ref() {
        "welcome" => "You are the owner of this console. Next: create an endpoint.",
        "set-up" => "Your password is set, and you are signed in. The link is used up.",
        "revoked" => "The token is revoked: whoever still uses it gets 401.",
        "networks" => "The addresses are saved: a call from any other one gets 401 from now on.",
        "retired" => {
            "The old token is retired: whoever still uses it gets 401. For 24 hours you can open it again."
        }
        "rotation-cancelled" => {
            "The rotation is cancelled: the old token stays in service, and so does the new one. Revoke the one you do not want."
        }
        "unretired" => "The token is open again, as if it had not been replaced.",
        "once" => {
            "The token of that form was issued and shown then. It cannot be shown again; if it is lost, issue another."
        }
        "group-created" => "The group is there. The identity provider sees it the next time it reads groups.",
        "group-renamed" => "The group has its new name.",
        "group-deleted" => "The group is deleted.",
        "member-added" => "The member was added.",
        "member-removed" => "The member was removed.",
        "saved" => "The settings are saved and in force.",
        "attribute-accepted" => {
            "The attribute is part of the schema now: what comes from here on is kept. Schema takes it away again."
        }
        "schema-saved" => {
            "The schema is saved and in force. The identity provider sees it the next time it reads it."
        }
        "target-added" => {
            "The target is added. What is in the directory goes there now; test the connection to see that all is in order."
        }
        "target-changed" => {
            "The target is changed, and what waits for it is tried again. Test the connection to see that all is in order."
        }
        "target-import" => "What the target has is taken over now. Come back in a moment.",
        "target-reconcile" => "Everything is compared and repaired now. Come back in a moment.",
        "target-retry" => "It is tried again now.",
        "target-removed" => "The target is removed. What it has stays there.",
        "key-revoked" => "The API key is revoked: whatever still uses it gets 401.",
        "password-changed" => "Your password is changed. Your other sessions are ended.",
        "second-factor-off" => {
            "The second factor is off: the password alone signs you in. Its recovery codes are void."
        }
        "recovery" => {
            "You are in with a recovery code, and it is used up. If the device is lost, remove the second factor here and set it up anew."
        }
        "operator-second-factor" => {
            "The second factor of the operator is removed and their sessions are ended: the password alone signs them in."
        }
        "operator-role" => "The role is changed, from the next request on.",
        "operator-tenants" => "What the operator sees is changed, from the next request on.",
        "operator-disabled" => {
            "The account is disabled: it cannot sign in, its sessions are ended, and its API keys open nothing."
        }
        "operator-enabled" => "The account is switched on. Its API keys from before stay dead.",
        "operator-signed-out" => "The sessions of the operator are ended.",
        "guest-link-revoked" => {
            "The set-up link is revoked: whoever opened it sees nothing any more. A token that was issued through it stays; revoke it under Tokens."
        }
        "request-link-revoked" => "The link is revoked: whoever has it sees nothing any more.",
        "session-ended" => "That session is ended.",
        "idp-changed" => {
            "The endpoint is set up for this identity provider now: the steps below and the settings are for it."
        }
        "endpoint-renamed" => "The endpoint has its new name. Its old address keeps working.",
        "active" => "The endpoint answers again.",
        "paused" => "The endpoint is paused.",
        "disabled" => "The endpoint is disabled.",
        "webhook-saved" => "The webhook is changed.",
        "webhook-tested" => "The test arrived: the first line below has the answer.",
        "webhook-test-failed" => "The test did not arrive. The first line of the deliveries says why.",
        "webhook-paused" => "The webhook is paused. What happens meanwhile is sent when it is resumed.",
        "webhook-resumed" => "The webhook sends again, from where it was.",
        "webhook-redelivered" => "It is sent again.",
        "webhook-removed" => "The webhook is removed, with its deliveries.",
        "endpoint-deleted" => {
            "The endpoint is in the bin, at the end of this page, and can be brought back for 30 days."
        }
        "undeleted" => {
            "The endpoint is back, with everything that was in it, and in the state that it was in."
        }
        _ => return None,
    })
}

/// One of several things to choose from.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    /// What the form sends.
    pub(crate) value: &'static str,
    /// The choice as a sentence.
    pub(crate) label: String,
    /// What follows from it.
    pub(crate) hint: String,
    /// Whether it is the one.
    pub(crate) chosen: bool,
}

impl Choice {
    /// A choice that is the one when its value is `chosen`.
    pub(crate) fn new(
        value: &'static str,
        label: impl Into<String>,
        hint: impl Into<String>,
        chosen: &str,
    ) -> Self {
        Self { value, label: label.into(), hint: hint.into(), chosen: value == chosen }
    }
}

/// What a store refuses as a sentence for beside a field; anything else is a page of its own.
pub(crate) fn told(error: StoreError) -> Result<String, PageError> {
    match PageError::from(error) {
        PageError::Refused(sentence) => Ok(sentence),
        other => Err(other),
    }
}

/// The resource type of users or groups, as this endpoint has it.
pub(crate) fn resource_type(endpoint: &Endpoint, name: &str) -> Result<Arc<ResourceType>, PageError> {
    let found = endpoint.catalog.by_name(name).cloned();
    found.ok_or_else(|| PageError::internal(format_args!("no resource type {name}")))
}
