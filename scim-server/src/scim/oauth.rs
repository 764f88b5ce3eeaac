//! OAuth 2.0 client credentials (RFC 6749 §4.4) at `/scim/{endpoint}/oauth/token`, and what clients read about it
//! (RFC 8414). For identity providers that want it; a bearer token needs none of this.
//!
//! Answers and refusals are those of OAuth, not of SCIM. An endpoint that is not there is not told from a wrong secret,
//! and the metadata of every address is the same, whether an endpoint is there or not.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, HttpResponseBuilder, web};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use endpoint_admin::ClientAddress;
use endpoint_store::endpoints::Status;
use endpoint_store::registry::Client;
use endpoint_store::tokens::Scope;
use endpoint_store::usage::Cause;
use endpoint_store::{StoreError, access};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{Scim, collect, note_turned_away, request_id, seen};
use crate::metrics::Limit;
use crate::middleware::Line;

/// The path of metadata, before the path of its issuer (RFC 8414 §3.1).
pub(crate) const WELL_KNOWN: &str = "/.well-known/oauth-authorization-server";
const METADATA: &str = "oauth-authorization-server";

/// What stands at the path, if it is one of OAuth's; `segments` are those behind `/scim/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Token,
    Metadata,
}

impl Place {
    pub(super) fn of(segments: &[String]) -> Option<Self> {
        match segments {
            [_, oauth, token] if oauth == "oauth" && token == "token" => Some(Self::Token),
            [_, known, metadata] if known == ".well-known" && metadata == METADATA => Some(Self::Metadata),
            _ => None,
        }
    }
}

/// Why no token is given (RFC 6749 §5.2).
struct Refusal {
    status: StatusCode,
    error: &'static str,
    description: String,
    retry_after: Option<u64>,
}

impl Refusal {
    fn new(error: &'static str, description: &str) -> Self {
        let description = description.to_owned();
        Self { status: StatusCode::BAD_REQUEST, error, description, retry_after: None }
    }

    fn request(description: &str) -> Self {
        Self::new("invalid_request", description)
    }

    /// The same bytes whatever was wrong with it.
    fn client() -> Self {
        let description = "Client id and client secret of this endpoint are needed, in an Authorization header (Basic) or \
                           as client_id and client_secret in the body.";
        Self { status: StatusCode::UNAUTHORIZED, ..Self::new("invalid_client", description) }
    }

    fn wait(status: StatusCode, description: String, seconds: u64) -> Self {
        Self { status, error: "temporarily_unavailable", description, retry_after: Some(seconds) }
    }

    fn respond(&self) -> HttpResponse {
        let mut builder = HttpResponseBuilder::new(self.status);
        if self.status == StatusCode::UNAUTHORIZED {
            builder.insert_header((header::WWW_AUTHENTICATE, "Basic realm=\"scim\""));
        }
        if let Some(seconds) = self.retry_after {
            builder.insert_header((header::RETRY_AFTER, seconds));
        }
        answer(&mut builder, &json!({"error": self.error, "error_description": self.description}))
    }
}

/// RFC 6749 §5.1: nobody keeps an answer.
fn answer(builder: &mut HttpResponseBuilder, body: &Value) -> HttpResponse {
    builder.insert_header((header::CACHE_CONTROL, "no-store")).insert_header((header::PRAGMA, "no-cache"));
    builder.content_type("application/json").body(body.to_string())
}

pub(super) async fn serve(
    place: Place,
    req: &HttpRequest,
    payload: web::Payload,
    scim: &web::Data<Scim>,
    slug: &str,
) -> HttpResponse {
    match place {
        Place::Metadata => metadata(scim, slug),
        Place::Token => match token(req, payload, scim, slug).await {
            Ok(response) => response,
            Err(refusal) => refusal.respond(),
        },
    }
}

/// `/.well-known/oauth-authorization-server/scim/{endpoint}`, also with the path of a public URL between.
pub(super) async fn well_known(req: HttpRequest, scim: web::Data<Scim>) -> HttpResponse {
    let mut behind = req.path().rsplit('/').filter(|segment| !segment.is_empty());
    match (behind.next(), behind.next()) {
        (Some(slug), Some("scim")) => metadata(&scim, slug),
        _ => HttpResponse::NotFound()
            .content_type("text/plain; charset=utf-8")
            .body("There is nothing here. The issuers of this server are called /scim/{endpoint}.\n"),
    }
}

fn metadata(scim: &Scim, slug: &str) -> HttpResponse {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if slug.is_empty() || slug.len() > 63 || !slug.chars().all(plain) {
        return HttpResponse::NotFound().finish();
    }
    let issuer = format!("{}/scim/{slug}", scim.public_url.as_str());
    let body = json!({
        "issuer": issuer,
        "token_endpoint": format!("{issuer}/oauth/token"),
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "grant_types_supported": ["client_credentials"],
        "response_types_supported": [],
        "scopes_supported": ["read", "write"],
    });
    HttpResponse::Ok().content_type("application/json").body(body.to_string())
}

async fn token(
    req: &HttpRequest,
    payload: web::Payload,
    scim: &web::Data<Scim>,
    slug: &str,
) -> Result<HttpResponse, Refusal> {
    let address = ClientAddress::of(req);
    if req.method() != actix_web::http::Method::POST {
        let refusal = Refusal { status: StatusCode::METHOD_NOT_ALLOWED, ..Refusal::request("Send a POST.") };
        let mut response = refusal.respond();
        response.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static("POST"));
        return Ok(response);
    }
    let sent = Sent::read(req, payload).await?;
    let (client_id, secret) = sent.client(req)?;
    if let Some(seconds) = scim.addresses.wait(address, Some(&secret)) {
        scim.metrics.limited(Limit::Address);
        Line::of(req).refused(Cause::Flood.as_str());
        let text = format!("Too many wrong credentials came from this address; wait {seconds} s.");
        return Err(Refusal::wait(StatusCode::TOO_MANY_REQUESTS, text, seconds));
    }
    let now = scim.clock.now();
    let known = scim.store.registry().authenticate_client(slug, &client_id, &secret, address, now);
    let client = known.map_err(|turned| {
        note_turned_away(scim, req, slug, turned, now);
        Refusal::client()
    })?;
    scim.addresses.succeeded(address, Some(&secret));
    Line::of(req).client(&client.endpoint.slug, &client.id);
    scim.store.usage().used(&client.id, seen(req, now));
    may_answer(scim, &client)?;
    sent.check_grant()?;
    let scope = sent.scope(client.scope)?;
    let issued = scim.store.issue_access(&client, scope, now).await.map_err(|error| failed(&error, req))?;
    let body = json!({
        "access_token": issued.reveal(),
        "token_type": "Bearer",
        "expires_in": access::LIFETIME / 1000,
        "scope": scope.as_str(),
    });
    Ok(answer(&mut HttpResponseBuilder::new(StatusCode::OK), &body))
}

/// A client of a closed endpoint, or one that asks too fast, waits as it would with a token.
fn may_answer(scim: &Scim, client: &Client) -> Result<(), Refusal> {
    match client.endpoint.status {
        Status::Disabled => {
            let text = "This endpoint is disabled. Ask its operator to enable it.";
            Err(Refusal { status: StatusCode::FORBIDDEN, ..Refusal::new("unauthorized_client", text) })
        }
        Status::Paused => {
            let text = "This endpoint is paused by its operator; try again later.".to_owned();
            Err(Refusal::wait(StatusCode::SERVICE_UNAVAILABLE, text, super::PAUSED_RETRY_AFTER))
        }
        Status::Active => scim.rates.check(&client.endpoint).map(drop).map_err(|fast| {
            scim.metrics.limited(Limit::Endpoint);
            let text = format!("Too many requests for this endpoint; wait {} s.", fast.wait);
            Refusal::wait(StatusCode::TOO_MANY_REQUESTS, text, fast.wait)
        }),
    }
}

fn failed(error: &StoreError, req: &HttpRequest) -> Refusal {
    let request_id = request_id(req);
    tracing::error!(request_id, %error, "an access token could not be issued");
    let text = "The server cannot reach its database just now; send the same request again.".to_owned();
    Refusal::wait(StatusCode::SERVICE_UNAVAILABLE, text, 5)
}

/// The fields of the form.
struct Sent(Vec<(String, Zeroizing<String>)>);

impl Sent {
    async fn read(req: &HttpRequest, payload: web::Payload) -> Result<Self, Refusal> {
        if !req.content_type().eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(Refusal::request("Send the parameters as application/x-www-form-urlencoded."));
        }
        let body = collect(req, payload).await.map_err(|error| Refusal::request(error.detail()))?;
        let fields = form_urlencoded::parse(&body);
        let fields: Vec<_> =
            fields.map(|(key, value)| (key.into_owned(), Zeroizing::new(value.into_owned()))).collect();
        let twice = fields
            .iter()
            .enumerate()
            .any(|(at, (key, _))| fields.iter().take(at).any(|(before, _)| before == key));
        if twice {
            return Err(Refusal::request("A parameter stands in the body twice."));
        }
        Ok(Self(fields))
    }

    /// A parameter without a value counts as not sent (RFC 6749 §3.2).
    fn get(&self, name: &str) -> Option<&Zeroizing<String>> {
        self.0.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value)
    }

    /// Id and secret of the client (RFC 6749 §2.3.1), in one place only.
    fn client(&self, req: &HttpRequest) -> Result<(String, Zeroizing<String>), Refusal> {
        let in_body = self.get("client_secret");
        let Some(authorization) = super::authorization(req) else {
            let (Some(id), Some(secret)) = (self.get("client_id"), in_body) else {
                return Err(Refusal::client());
            };
            return Ok((id.to_string(), secret.clone()));
        };
        if in_body.is_some() {
            return Err(Refusal::request(
                "The client secret stands in the header and in the body; send it once.",
            ));
        }
        let (id, secret) = basic(authorization).ok_or_else(Refusal::client)?;
        if self.get("client_id").is_some_and(|other| **other != id) {
            return Err(Refusal::request("The client ids in the header and in the body are not the same."));
        }
        Ok((id, secret))
    }

    fn check_grant(&self) -> Result<(), Refusal> {
        match self.get("grant_type").map(|grant| grant.as_str()) {
            Some("client_credentials") => Ok(()),
            None => Err(Refusal::request("grant_type is missing; it is client_credentials.")),
            Some(_) => {
                Err(Refusal::new("unsupported_grant_type", "The only grant_type here is client_credentials."))
            }
        }
    }

    /// What the token may do: what is asked for, as far as the client may. Names that mean nothing here are ignored, as
    /// RFC 6749 §3.3 allows; the answer says what was given.
    fn scope(&self, own: Scope) -> Result<Scope, Refusal> {
        let Some(asked) = self.get("scope") else { return Ok(own) };
        let mut names = asked.split(' ').filter_map(|name| name.parse::<Scope>().ok());
        match names.next() {
            None => Ok(own),
            Some(first) => {
                let writes = first == Scope::Write || names.any(|name| name == Scope::Write);
                if writes && own == Scope::Read {
                    return Err(Refusal::new(
                        "invalid_scope",
                        "This client may only read; ask for the scope read.",
                    ));
                }
                Ok(if writes { Scope::Write } else { Scope::Read })
            }
        }
    }
}

/// Id and secret of a Basic header, each encoded as in a form.
fn basic(authorization: &str) -> Option<(String, Zeroizing<String>)> {
    let (scheme, rest) = authorization.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = Zeroizing::new(STANDARD.decode(rest.trim()).ok()?);
    let text = std::str::from_utf8(&decoded).ok()?;
    let (id, secret) = text.split_once(':')?;
    let plain =
        |part: &str| Some(percent_encoding::percent_decode_str(part).decode_utf8().ok()?.into_owned());
    Some((plain(id)?, Zeroizing::new(plain(secret)?)))
}
