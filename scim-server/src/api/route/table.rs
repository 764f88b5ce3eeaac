//! The table of routes: method, path, who may, in words, and what does it.

use actix_web::http::Method;
// What each role may do stands in one table, `Act::TABLE`; here its acts go by the least role that may.
use endpoint_store::operators::Act::{self, People as Admin, See as Auditor, Work as Operator};

use super::{Route, Work, route};
use crate::api::directory::{ChangeView, ResourceLine, ResourceView};
use crate::api::endpoints::{
    CloneBody, CreatedEndpoint, DocumentView, EndpointPatch, EndpointView, NewEndpointBody,
};
use crate::api::guests::{GuestLinkView, MadeGuestLink, NewGuestLinkBody};
use crate::api::health::{ActivityView, HealthView};
use crate::api::openapi::{one, page};
use crate::api::operators::{NewOperatorBody, OperatorPatch, OperatorView, OperatorWithLink, PasswordBody};
use crate::api::params::{AFTER, Kind, LIMIT, Param};
use crate::api::request_views::{ExplainedView, MadeRequestLink, RequestLinkView, RequestView};
use crate::api::rotation::{RotateBody, RotatedToken};
use crate::api::schemas::{DefinitionsView, ExtensionView, ResourceTypeView};
use crate::api::target_views::{
    CheckView, ClockView, NewTargetBody, PlanView, TargetDetail, TargetPatch, TargetView,
};
use crate::api::tokens::{IssuedToken, NewTokenBody, TokenPatchBody, TokenView};
use crate::api::webhook_views::{
    AddedWebhook, DeliveryView, NewWebhookBody, RedeliverBody, RedeliveredView, RotateSecretBody,
    WebhookPatch, WebhookView,
};
use crate::api::{
    audit, directory, endpoints, evidence, feed, groups, guests, health, me, operators, requests, rotation,
    schemas, targets, tokens, verifications, webhooks,
};

/// The one route without a key: it says no more than the program's own documentation.
const DESCRIPTION: Route = Route {
    method: GET,
    path: "/openapi.json",
    act: None,
    summary: "This description",
    query: &[],
    conditional: false,
    idempotent: false,
    takes: None,
    gives: &[(200, Some(one::<serde_json::Value>))],
    files: &[],
    work: Work::Description,
};

const GET: Method = Method::GET;
const POST: Method = Method::POST;
const PUT: Method = Method::PUT;
const PATCH: Method = Method::PATCH;
const DELETE: Method = Method::DELETE;

macro_rules! run {
    ($handler:path) => {
        |x| Box::pin($handler(x))
    };
}

const SEARCH: Param =
    Param { name: "q", kind: Kind::Text, about: "Only what begins with this, compared without case." };
const TENANT: Param =
    Param { name: "tenant", kind: Kind::Text, about: "Only those of this tenant, compared without case." };
const STATUS: Param = Param {
    name: "status",
    kind: Kind::Word(&["active", "paused", "disabled", "deleted"]),
    about: "Only those in this state; `deleted` lists the bin, which is left out otherwise.",
};
const ACTOR: Param = Param {
    name: "actor",
    kind: Kind::Text,
    about: "Only what this token, operator or target did, by id or name.",
};
const CHANGE_KIND: Param = Param {
    name: "kind",
    kind: Kind::Word(&["created", "updated", "deleted", "hidden", "restored"]),
    about: "Only changes of this kind.",
};
const CONFIRM: Param = Param {
    name: "confirm",
    kind: Kind::Text,
    about: "The label of the token, to close it although it carried traffic within the hour, or to shut out the address that came from.",
};
const PAGING: &[Param] = &[LIMIT, AFTER];
const SEARCHING: &[Param] = &[LIMIT, AFTER, SEARCH];

/// The table.
#[rustfmt::skip]
pub static ROUTES: &[Route] = &[
    DESCRIPTION,
    route(GET, "/me", Auditor, "Who the key acts for", run!(me::show)).gives(&[(200, Some(one::<me::MeView>))]),
    route(GET, "/me/keys", Auditor, "The operator's own API keys, dead ones too", run!(me::keys))
        .gives(&[(200, Some(page::<me::KeyView>))]),
    route(DELETE, "/me/keys/{key}", Act::Own, "Revoke one of the operator's own API keys", run!(me::revoke)),

    route(GET, "/endpoints", Auditor, "Endpoints by name", run!(endpoints::list))
        .query(&[LIMIT, AFTER, SEARCH, TENANT, STATUS]).gives(&[(200, Some(page::<EndpointView>))]),
    route(POST, "/endpoints", Operator, "Make an endpoint with its first token", run!(endpoints::create))
        .idempotent().takes(one::<NewEndpointBody>)
        .gives(&[(201, Some(one::<CreatedEndpoint>)), (200, Some(one::<CreatedEndpoint>))]),
    route(GET, "/endpoints/{endpoint}", Auditor, "One endpoint", run!(endpoints::show))
        .gives(&[(200, Some(one::<EndpointView>))]),
    route(PATCH, "/endpoints/{endpoint}", Operator, "Change name, tenant, provider or settings", run!(endpoints::patch))
        .conditional().takes(one::<EndpointPatch>).gives(&[(200, Some(one::<EndpointView>))]),
    route(DELETE, "/endpoints/{endpoint}", Operator, "Put an endpoint into the bin for 30 days", run!(endpoints::delete))
        .conditional(),
    route(POST, "/endpoints/{endpoint}/pause", Operator, "Answer 503 until it is resumed", run!(endpoints::pause))
        .gives(&[(200, Some(one::<EndpointView>))]),
    route(POST, "/endpoints/{endpoint}/resume", Operator, "Answer again after a pause", run!(endpoints::resume))
        .gives(&[(200, Some(one::<EndpointView>))]),
    route(POST, "/endpoints/{endpoint}/disable", Operator, "Answer 403 until it is enabled", run!(endpoints::disable))
        .gives(&[(200, Some(one::<EndpointView>))]),
    route(POST, "/endpoints/{endpoint}/enable", Operator, "Answer again after it was disabled", run!(endpoints::enable))
        .gives(&[(200, Some(one::<EndpointView>))]),
    route(POST, "/endpoints/{endpoint}/undelete", Operator, "Take an endpoint out of the bin", run!(endpoints::undelete))
        .gives(&[(200, Some(one::<EndpointView>))]),

    route(GET, "/endpoints/{endpoint}/export", Auditor, "Everything that is set about an endpoint, as POST /endpoints takes it; no secrets", run!(endpoints::export))
        .gives(&[(200, Some(one::<DocumentView>))]),
    route(POST, "/endpoints/{endpoint}/clone", Operator, "Make another endpoint with the same settings and schemas, empty", run!(endpoints::clone))
        .idempotent().takes(one::<CloneBody>)
        .gives(&[(201, Some(one::<CreatedEndpoint>)), (200, Some(one::<CreatedEndpoint>))]),

    route(GET, "/endpoints/{endpoint}/schemas", Auditor, "All definitions of an endpoint's own", run!(schemas::all))
        .gives(&[(200, Some(one::<DefinitionsView>))]),
    route(PUT, "/endpoints/{endpoint}/schemas", Operator, "Replace all definitions of its own", run!(schemas::put_all))
        .conditional().takes(one::<DefinitionsView>).gives(&[(200, Some(one::<DefinitionsView>))]),
    route(GET, "/endpoints/{endpoint}/schemas/{urn}", Auditor, "One extension of its own", run!(schemas::extension))
        .gives(&[(200, Some(one::<ExtensionView>))]),
    route(PUT, "/endpoints/{endpoint}/schemas/{urn}", Operator, "Make or replace one extension", run!(schemas::put_extension))
        .conditional().takes(one::<ExtensionView>)
        .gives(&[(200, Some(one::<ExtensionView>)), (201, Some(one::<ExtensionView>))]),
    route(DELETE, "/endpoints/{endpoint}/schemas/{urn}", Operator, "Take one extension away", run!(schemas::delete_extension))
        .conditional(),
    route(GET, "/endpoints/{endpoint}/resource-types/{name}", Auditor, "One resource type of its own", run!(schemas::resource_type))
        .gives(&[(200, Some(one::<ResourceTypeView>))]),
    route(PUT, "/endpoints/{endpoint}/resource-types/{name}", Operator, "Make or replace one resource type", run!(schemas::put_resource_type))
        .conditional().takes(one::<ResourceTypeView>)
        .gives(&[(200, Some(one::<ResourceTypeView>)), (201, Some(one::<ResourceTypeView>))]),
    route(DELETE, "/endpoints/{endpoint}/resource-types/{name}", Operator, "Take one resource type away", run!(schemas::delete_resource_type))
        .conditional(),

    route(GET, "/endpoints/{endpoint}/tokens", Auditor, "Bearer tokens, dead ones too", run!(tokens::list))
        .gives(&[(200, Some(page::<TokenView>))]),
    route(POST, "/endpoints/{endpoint}/tokens", Operator, "Issue a bearer token; it is shown once", run!(tokens::issue))
        .idempotent().takes(one::<NewTokenBody>)
        .gives(&[(201, Some(one::<IssuedToken>)), (200, Some(one::<IssuedToken>))]),
    route(PATCH, "/endpoints/{endpoint}/tokens/{token}", Operator, "Say from where a bearer token may come", run!(tokens::patch))
        .query(&[CONFIRM]).takes(one::<TokenPatchBody>).gives(&[(200, Some(one::<TokenView>))]),
    route(DELETE, "/endpoints/{endpoint}/tokens/{token}", Operator, "Revoke a bearer token", run!(tokens::revoke))
        .query(&[CONFIRM]),
    route(POST, "/endpoints/{endpoint}/tokens/{token}/rotate", Operator, "Replace a token: the new one is shown once, the old one retires when it is silent", run!(rotation::rotate))
        .idempotent().takes(one::<RotateBody>)
        .gives(&[(201, Some(one::<RotatedToken>)), (200, Some(one::<RotatedToken>))]),
    route(POST, "/endpoints/{endpoint}/tokens/{token}/cancel-rotation", Operator, "End a rotation: the old token and the new one stay", run!(rotation::cancel))
        .gives(&[(200, Some(page::<TokenView>))]),
    route(POST, "/endpoints/{endpoint}/tokens/{token}/retire", Operator, "Retire a token that is being replaced, now", run!(rotation::retire))
        .query(&[CONFIRM]).gives(&[(200, Some(one::<TokenView>))]),
    route(POST, "/endpoints/{endpoint}/tokens/{token}/unretire", Operator, "Open a token again that retired within 24 hours", run!(rotation::unretire))
        .gives(&[(200, Some(one::<TokenView>))]),

    route(GET, "/endpoints/{endpoint}/guest-links", Auditor, "Set-up links for the customer's administrator, dead ones too", run!(guests::list))
        .gives(&[(200, Some(page::<GuestLinkView>))]),
    route(POST, "/endpoints/{endpoint}/guest-links", Operator, "Make a one-use set-up link; it is shown once", run!(guests::create))
        .idempotent().takes(one::<NewGuestLinkBody>).gives(&[(201, Some(one::<MadeGuestLink>)), (200, Some(one::<MadeGuestLink>))]),
    route(DELETE, "/endpoints/{endpoint}/guest-links/{link}", Operator, "Take a set-up link back", run!(guests::revoke)),

    route(GET, "/endpoints/{endpoint}/users", Auditor, "Users by name, hidden ones too", run!(directory::users))
        .query(SEARCHING).gives(&[(200, Some(page::<ResourceLine>))]),
    route(GET, "/endpoints/{endpoint}/users/{id}", Auditor, "One user", run!(directory::user))
        .gives(&[(200, Some(one::<ResourceView>))]),
    route(GET, "/endpoints/{endpoint}/users/{id}/history", Auditor, "What happened to a user, the latest first", run!(directory::user_history))
        .query(PAGING).gives(&[(200, Some(page::<ChangeView>))]),
    route(GET, "/endpoints/{endpoint}/groups", Auditor, "Groups by name, hidden ones too", run!(directory::groups))
        .query(SEARCHING).gives(&[(200, Some(page::<ResourceLine>))]),
    route(POST, "/endpoints/{endpoint}/groups", Operator, "Make a group", run!(groups::create))
        .idempotent().takes(one::<groups::NameBody>)
        .gives(&[(201, Some(one::<ResourceView>)), (200, Some(one::<ResourceView>))]),
    route(PATCH, "/endpoints/{endpoint}/groups/{id}", Operator, "Give a group another name; its id and members stay", run!(groups::rename))
        .takes(one::<groups::NameBody>).gives(&[(200, Some(one::<ResourceView>))]),
    route(DELETE, "/endpoints/{endpoint}/groups/{id}", Operator, "Delete a group; its members stay as users", run!(groups::delete)),
    route(POST, "/endpoints/{endpoint}/groups/{id}/members", Operator, "Put somebody into a group; who is in it already stays", run!(groups::add_member))
        .takes(one::<groups::MemberBody>),
    route(DELETE, "/endpoints/{endpoint}/groups/{id}/members/{member}", Operator, "Take somebody out of a group", run!(groups::remove_member)),
    route(GET, "/endpoints/{endpoint}/groups/{id}", Auditor, "One group, with the number of its members", run!(directory::group))
        .gives(&[(200, Some(one::<ResourceView>))]),
    route(GET, "/endpoints/{endpoint}/groups/{id}/members", Auditor, "The members of a group", run!(directory::members))
        .query(PAGING).gives(&[(200, Some(page::<directory::MemberView>))]),
    route(GET, "/endpoints/{endpoint}/groups/{id}/history", Auditor, "What happened to a group, the latest first", run!(directory::group_history))
        .query(PAGING).gives(&[(200, Some(page::<ChangeView>))]),
    route(GET, "/endpoints/{endpoint}/resources/{type}", Auditor, "Resources of a type by name, hidden ones too", run!(directory::resources))
        .query(SEARCHING).gives(&[(200, Some(page::<ResourceLine>))]),
    route(GET, "/endpoints/{endpoint}/resources/{type}/{id}", Auditor, "One resource", run!(directory::resource))
        .gives(&[(200, Some(one::<ResourceView>))]),
    route(GET, "/endpoints/{endpoint}/resources/{type}/{id}/history", Auditor, "What happened to a resource, the latest first", run!(directory::resource_history))
        .query(PAGING).gives(&[(200, Some(page::<ChangeView>))]),

    route(GET, "/endpoints/{endpoint}/targets", Auditor, "The applications behind an endpoint, and how they are doing", run!(targets::list))
        .gives(&[(200, Some(page::<TargetView>))]),
    route(POST, "/endpoints/{endpoint}/targets", Operator, "Add a target: what is in the directory goes there from now on", run!(targets::add))
        .idempotent().takes(one::<NewTargetBody>).gives(&[(201, Some(one::<TargetView>)), (200, Some(one::<TargetView>))]),
    route(GET, "/endpoints/{endpoint}/targets/{target}", Auditor, "One target, with what it refuses and what is waiting", run!(targets::show))
        .gives(&[(200, Some(one::<TargetDetail>))]),
    route(PATCH, "/endpoints/{endpoint}/targets/{target}", Operator, "Change how it is signed in to and served; its address stays", run!(targets::patch))
        .conditional().takes(one::<TargetPatch>).gives(&[(200, Some(one::<TargetView>))]),
    route(DELETE, "/endpoints/{endpoint}/targets/{target}", Operator, "Take a target away; what it has stays there", run!(targets::remove)),
    route(GET, "/endpoints/{endpoint}/targets/{target}/check", Operator, "Whether it answers, lets us in, and gives every right that is needed", run!(targets::check))
        .gives(&[(200, Some(one::<CheckView>))]),
    route(GET, "/endpoints/{endpoint}/targets/{target}/plan", Operator, "What would be created, changed, disabled, refused, and why", run!(targets::plan))
        .gives(&[(200, Some(one::<PlanView>))]),
    route(POST, "/endpoints/{endpoint}/targets/{target}/import", Operator, "Take over what it has; done in the background", run!(targets::import))
        .gives(&[(200, Some(one::<TargetView>))]),
    route(POST, "/endpoints/{endpoint}/targets/{target}/reconcile", Operator, "Compare everything and repair what differs; done in the background", run!(targets::reconcile))
        .gives(&[(200, Some(one::<TargetView>))]),
    route(POST, "/endpoints/{endpoint}/targets/{target}/retry", Operator, "Try again what failed, now", run!(targets::retry))
        .gives(&[(200, Some(one::<TargetView>))]),
    route(GET, "/endpoints/{endpoint}/deprovisioning", Auditor, "How long deactivations took until every target had them", run!(targets::clock))
        .gives(&[(200, Some(one::<ClockView>))]),

    route(GET, "/endpoints/{endpoint}/evidence", Auditor, "What was noticed in an endpoint's traffic", run!(evidence::show))
        .gives(&[(200, Some(one::<evidence::EvidenceView>))]),
    route(POST, "/endpoints/{endpoint}/evidence/accept", Operator, "Add an attribute that was left out to the endpoint's own schema", run!(evidence::accept))
        .takes(one::<evidence::AcceptBody>).gives(&[(200, Some(one::<evidence::AcceptedView>))]),
    route(GET, "/endpoints/{endpoint}/health", Auditor, "When it was last heard, its rhythm, and what went wrong", run!(health::show))
        .gives(&[(200, Some(one::<HealthView>))]),
    route(GET, "/endpoints/{endpoint}/activity", Auditor, "What happened, in sentences: what one hand did in one go is one line; the latest first", run!(health::activity))
        .query(&[LIMIT, AFTER, ACTOR, CHANGE_KIND]).gives(&[(200, Some(page::<ActivityView>))]),
    route(GET, "/endpoints/{endpoint}/refusals", Auditor, "What was turned away, the latest first", run!(evidence::refusals))
        .gives(&[(200, Some(page::<evidence::RefusalView>))]),

    route(GET, "/endpoints/{endpoint}/requests", Auditor, "What the identity provider sent and how it ended, the latest first", run!(requests::list))
        .query(requests::QUERY).gives(&[(200, Some(page::<RequestView>))]),
    route(GET, "/endpoints/{endpoint}/requests/{request}", Auditor, "One request, explained", run!(requests::show))
        .gives(&[(200, Some(one::<ExplainedView>))]),
    route(GET, "/endpoints/{endpoint}/requests/{request}/links", Auditor, "Links that show one request outside, masked; dead ones too", run!(requests::links))
        .gives(&[(200, Some(page::<RequestLinkView>))]),
    route(POST, "/endpoints/{endpoint}/requests/{request}/links", Operator, "Make a link that shows one request outside, masked, for 72 hours; it is shown once", run!(requests::link))
        .gives(&[(201, Some(one::<MadeRequestLink>))]),
    route(DELETE, "/endpoints/{endpoint}/requests/{request}/links/{link}", Operator, "Take such a link back", run!(requests::unlink)),
    route(GET, "/endpoints/{endpoint}/verifications", Auditor, "What came out when the identity provider was played against a twin, the latest first", run!(verifications::list))
        .gives(&[(200, Some(page::<verifications::VerificationView>))]),
    route(POST, "/endpoints/{endpoint}/verifications", Operator, "Play what the identity provider does against a throw-away twin of the endpoint; answered with the report when it is over", run!(verifications::run))
        .gives(&[(201, Some(one::<verifications::ReportView>))]),
    route(GET, "/endpoints/{endpoint}/verifications/{verification}", Auditor, "One verification, step by step", run!(verifications::show))
        .gives(&[(200, Some(one::<verifications::ReportView>))]),

    route(GET, "/endpoints/{endpoint}/changes", Auditor, "What happened in the directory, in order and without a gap: at once, when it happens (`wait`), or as a stream (`Accept: text/event-stream`)", run!(feed::changes))
        .query(feed::QUERY).gives(&[(200, Some(one::<feed::ChangesView>))]).files(&["text/event-stream"]),
    route(GET, "/endpoints/{endpoint}/snapshot", Auditor, "The whole directory at one moment, one JSON object per line, and the cursor that `changes` goes on from", run!(feed::snapshot))
        .gives(&[(200, None)]).files(&["application/x-ndjson"]),

    route(GET, "/endpoints/{endpoint}/webhooks", Auditor, "Webhooks that send events of an endpoint, those of its tenant too", run!(webhooks::list))
        .gives(&[(200, Some(page::<WebhookView>))]),
    route(POST, "/endpoints/{endpoint}/webhooks", Operator, "Add a webhook; what it signs with is shown once", run!(webhooks::add))
        .idempotent().takes(one::<NewWebhookBody>).gives(&[(201, Some(one::<AddedWebhook>)), (200, Some(one::<AddedWebhook>))]),
    route(GET, "/endpoints/{endpoint}/webhooks/{webhook}", Auditor, "One webhook", run!(webhooks::show))
        .gives(&[(200, Some(one::<WebhookView>))]),
    route(PATCH, "/endpoints/{endpoint}/webhooks/{webhook}", Operator, "Change where it sends to, which events, or its label", run!(webhooks::patch))
        .conditional().takes(one::<WebhookPatch>).gives(&[(200, Some(one::<WebhookView>))]),
    route(DELETE, "/endpoints/{endpoint}/webhooks/{webhook}", Operator, "Take a webhook away, with its deliveries", run!(webhooks::remove)),
    route(POST, "/endpoints/{endpoint}/webhooks/{webhook}/rotate", Operator, "Replace what it signs with: both sign for 24 hours; the new one is shown once", run!(webhooks::rotate))
        .takes(one::<RotateSecretBody>).gives(&[(201, Some(one::<AddedWebhook>))]),
    route(POST, "/endpoints/{endpoint}/webhooks/{webhook}/test", Operator, "Send a test at once", run!(webhooks::test))
        .gives(&[(200, Some(one::<DeliveryView>))]),
    route(POST, "/endpoints/{endpoint}/webhooks/{webhook}/pause", Operator, "Send nothing until it is resumed", run!(webhooks::pause))
        .gives(&[(200, Some(one::<WebhookView>))]),
    route(POST, "/endpoints/{endpoint}/webhooks/{webhook}/resume", Operator, "Send again, from where it was", run!(webhooks::resume))
        .gives(&[(200, Some(one::<WebhookView>))]),
    route(GET, "/endpoints/{endpoint}/webhooks/{webhook}/deliveries", Auditor, "What was sent and what waits, the latest first", run!(webhooks::deliveries))
        .query(webhooks::QUERY).gives(&[(200, Some(page::<DeliveryView>))]),
    route(POST, "/endpoints/{endpoint}/webhooks/{webhook}/redeliver", Operator, "Send one delivery, all that were given up, or those of a span of time again", run!(webhooks::redeliver))
        .takes(one::<RedeliverBody>).gives(&[(200, Some(one::<RedeliveredView>))]),

    route(GET, "/audit", Auditor, "Who did what, the latest first", run!(audit::list))
        .query(audit::QUERY).gives(&[(200, Some(page::<audit::AuditView>))]).files(&["application/x-ndjson", "text/csv"]),
    route(GET, "/audit/chain", Auditor, "Whether the audit log is as it was written", run!(audit::chain))
        .gives(&[(200, Some(one::<audit::ChainView>))]),

    route(GET, "/operators", Admin, "Operators by name", run!(operators::list))
        .gives(&[(200, Some(page::<OperatorView>))]),
    route(POST, "/operators", Admin, "Make an operator; owners are made by owners", run!(operators::create))
        .idempotent().takes(one::<NewOperatorBody>).gives(&[(201, Some(one::<OperatorWithLink>)), (200, Some(one::<OperatorWithLink>))]),
    route(GET, "/operators/{operator}", Admin, "One operator, by id or name", run!(operators::show))
        .gives(&[(200, Some(one::<OperatorView>))]),
    route(PATCH, "/operators/{operator}", Admin, "Change the role, or the tenants that the operator is limited to", run!(operators::patch))
        .conditional().takes(one::<OperatorPatch>).gives(&[(200, Some(one::<OperatorView>))]),
    route(POST, "/operators/{operator}/enable", Admin, "Switch an account on again; its keys stay dead", run!(operators::enable))
        .gives(&[(200, Some(one::<OperatorView>))]),
    route(POST, "/operators/{operator}/sign-out", Admin, "End all sessions of an operator", run!(operators::sign_out)),
    route(POST, "/operators/{operator}/reset-second-factor", Admin, "Remove the second factor of an operator who lost it; sessions end", run!(operators::reset_second_factor))
        .gives(&[(200, Some(one::<OperatorView>))]),
    route(POST, "/operators/{operator}/disable", Admin, "Switch an account off: sessions end, keys open nothing", run!(operators::disable))
        .gives(&[(200, Some(one::<OperatorView>))]),
    route(POST, "/operators/{operator}/reset-password", Admin, "Set a password, or make a link to set one, and switch the account on", run!(operators::reset_password))
        .takes(one::<PasswordBody>).gives(&[(200, Some(one::<OperatorWithLink>))]),
    route(GET, "/operators/{operator}/keys", Admin, "An operator's API keys, dead ones too", run!(operators::keys))
        .gives(&[(200, Some(page::<me::KeyView>))]),
    route(DELETE, "/operators/{operator}/keys/{key}", Admin, "Revoke an operator's API key", run!(operators::revoke_key)),
];
