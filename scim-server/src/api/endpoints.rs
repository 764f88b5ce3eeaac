//! `/endpoints`: making, listing, changing and ending them.

use std::collections::BTreeMap;

use endpoint_store::endpoints::document::{Document, FORMAT};
use endpoint_store::endpoints::{self, EndpointSummary, NewEndpoint, Selection, Status, Turn, definitions};
use endpoint_store::settings::{Choice, Idp, Settings};
use endpoint_store::{Endpoint, StoreError, Tx, tokens};
use scim_core::fold::fold;
use scim_core::time::format;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use utoipa::openapi::schema::{AdditionalProperties, AnyOfBuilder, ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::body::ObjectOnly;
use super::params::cursor;
use super::problem::{Place, Problem};
use super::route::BASE;
use super::schemas::DefinitionsView;
use super::tokens::{IssuedToken, NewTokenBody, integer};
use super::{Exchange, Outcome, Page, Reply};

const FIRST_TOKEN: &str = "first token";

/// What is known of an endpoint.
#[derive(Serialize, ToSchema)]
#[schema(as = Endpoint)]
pub(super) struct EndpointView {
    /// Never changes.
    id: String,
    /// Its place in URLs; a former one keeps working.
    slug: String,
    name: String,
    /// The customer it belongs to.
    tenant: Option<String>,
    /// The identity provider it is made for.
    idp: &'static str,
    /// `active`, `paused` (503) or `disabled` (403).
    status: &'static str,
    /// The SCIM base URL for the identity provider.
    base_url: String,
    /// Users that SCIM shows.
    users: i64,
    /// Groups that SCIM shows.
    groups: i64,
    /// When a live token was last used.
    #[schema(format = DateTime)]
    last_heard: Option<String>,
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was put into the bin.
    #[schema(format = DateTime)]
    deleted_at: Option<String>,
    /// All settings, as `PATCH` takes them.
    settings: BTreeMap<String, String>,
}

impl EndpointView {
    fn new(summary: &EndpointSummary, x: &Exchange) -> Self {
        let endpoint = &summary.endpoint;
        Self {
            id: endpoint.id.as_str().to_owned(),
            slug: endpoint.slug.clone(),
            name: endpoint.name.clone(),
            tenant: endpoint.tenant.clone(),
            idp: endpoint.idp.as_str(),
            status: endpoint.status.as_str(),
            base_url: x.api.public_url.scim_base(&endpoint.slug),
            users: summary.users,
            groups: summary.groups,
            last_heard: summary.last_heard.map(format),
            created_at: format(endpoint.created_at),
            deleted_at: endpoint.deleted_at.map(format),
            settings: endpoint.settings.entries().into_iter().collect(),
        }
    }
}

/// A new endpoint, and its first token.
#[derive(Serialize, ToSchema)]
pub(super) struct CreatedEndpoint {
    #[serde(flatten)]
    endpoint: EndpointView,
    token: IssuedToken,
}

/// An identity provider by name.
#[derive(Clone, Copy)]
pub(super) struct IdpName(Idp);

impl<'de> Deserialize<'de> for IdpName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        name.parse().map(Self).map_err(serde::de::Error::custom)
    }
}

impl PartialSchema for IdpName {
    fn schema() -> RefOr<Schema> {
        let names = Idp::ALL.map(Idp::as_str);
        ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names)).into()
    }
}

impl ToSchema for IdpName {}

/// Settings by name.
#[derive(Default, Deserialize)]
#[serde(transparent)]
pub(super) struct SettingsBody(BTreeMap<String, Value>);

impl SettingsBody {
    /// As the store takes them.
    ///
    /// # Errors
    /// 422 with every setting that is unknown or has a wrong value.
    fn read(self) -> Result<Vec<(String, String)>, Problem> {
        let mut scratch = Settings::preset(Idp::Generic);
        let (mut read, mut faults) = (Vec::new(), Vec::new());
        for (key, value) in self.0 {
            let text = match value {
                Value::String(text) => text,
                Value::Number(number) => {
                    integer(&number).map_or_else(|| number.to_string(), |whole| whole.to_string())
                }
                other => other.to_string(),
            };
            match scratch.set(&key, &text) {
                Ok(()) => read.push((key, text)),
                Err(StoreError::Invalid { pointer, sentence }) => faults.push(Place::at(pointer, sentence)),
                Err(other) => faults.push(Place::at("/settings", other.to_string())),
            }
        }
        if faults.is_empty() { Ok(read) } else { Err(Problem::unprocessable(faults)) }
    }
}

impl PartialSchema for SettingsBody {
    fn schema() -> RefOr<Schema> {
        let all = ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some("Settings by name; those that are not named stay as they are."))
            .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)));
        let property = |choice: &Choice| -> Schema {
            let words =
                ObjectBuilder::new().schema_type(Type::String).enum_values(Some(choice.words.to_vec()));
            if let Some(pattern) = choice.pattern {
                let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern));
                return Schema::AnyOf(AnyOfBuilder::new().item(words).item(text).build());
            }
            let Some((least, most)) = choice.numbers else { return words.into() };
            let number =
                ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(least)).maximum(Some(most));
            Schema::AnyOf(AnyOfBuilder::new().item(words).item(number).build())
        };
        Settings::choices()
            .iter()
            .fold(all, |all, choice| all.property(choice.key.as_str(), property(choice)))
            .into()
    }
}

impl ToSchema for SettingsBody {}

/// A nested object that may be absent. What derives `Deserialize` would also take its fields as a list, in their order.
fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(ObjectOnly(deserializer)).map(Some)
}

/// A value that may be absent but, when it is there, is one: `null` is refused.
pub(super) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A new endpoint.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewEndpoint)]
pub(super) struct NewEndpointBody {
    /// What operators call it; its URL is made from it.
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[A-Za-z0-9][^\x00-\x1f\x7f-\x9f]*$"
    )]
    name: String,
    /// The identity provider; `generic` when absent.
    #[serde(default, deserialize_with = "present")]
    #[schema(inline, value_type = IdpName, required = false)]
    idp: Option<IdpName>,
    /// The customer it belongs to.
    #[serde(default)]
    #[schema(max_length = 100, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    tenant: Option<String>,
    /// Settings against the provider's preset.
    #[serde(default)]
    #[schema(inline, required = false)]
    settings: SettingsBody,
    /// Its first token; one that may write and never expires when absent.
    #[serde(default, deserialize_with = "object")]
    #[schema(value_type = NewTokenBody, required = false)]
    token: Option<NewTokenBody>,
    /// Extensions and resource types of its own.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = DefinitionsView, required = false)]
    definitions: Option<Value>,
    /// What an exported endpoint says it is.
    #[serde(default, rename = "format", deserialize_with = "present")]
    #[schema(inline, rename = "format", value_type = FormatName, required = false)]
    _format: Option<FormatName>,
}

/// The one format of exported endpoints.
pub(super) struct FormatName;

impl<'de> Deserialize<'de> for FormatName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            FORMAT => Ok(Self),
            other => Err(serde::de::Error::unknown_variant(other, &[FORMAT])),
        }
    }
}

impl PartialSchema for FormatName {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).enum_values(Some([FORMAT])).into()
    }
}

impl ToSchema for FormatName {}

/// What is set about an endpoint, without secrets: as it stands a body for `POST /endpoints`.
#[derive(ToSchema)]
#[schema(as = EndpointDocument)]
#[expect(dead_code, reason = "describes the JSON that the store writes")]
pub(super) struct DocumentView {
    #[schema(inline)]
    format: FormatName,
    name: String,
    tenant: Option<String>,
    #[schema(inline)]
    idp: IdpName,
    /// All settings by name.
    settings: BTreeMap<String, String>,
    definitions: DefinitionsView,
}

/// An endpoint like another.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewClone)]
pub(super) struct CloneBody {
    /// What operators call it; its URL is made from it.
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[A-Za-z0-9][^\x00-\x1f\x7f-\x9f]*$"
    )]
    name: String,
    /// Its first token; one that may write and never expires when absent.
    #[serde(default, deserialize_with = "object")]
    #[schema(value_type = NewTokenBody, required = false)]
    token: Option<NewTokenBody>,
}

/// What is to be different.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EndpointPatch {
    /// Another name, and with it another URL; the old one keeps working.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false, min_length = 1, max_length = 100, pattern = r"^[^\x00-\x1f\x7f-\x9f]*[A-Za-z0-9][^\x00-\x1f\x7f-\x9f]*$")]
    name: Option<String>,
    /// Another tenant; `null` for none.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, required = false, max_length = 100, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    tenant: Option<Option<String>>,
    /// Another identity provider, with its preset; what was noticed in the traffic is forgotten.
    #[serde(default, deserialize_with = "present")]
    #[schema(inline, value_type = IdpName, required = false)]
    idp: Option<IdpName>,
    /// Settings to change.
    #[serde(default)]
    #[schema(inline, required = false)]
    settings: SettingsBody,
}

/// What to say about an endpoint that is not there.
pub(super) fn no_such(named: &str) -> Problem {
    let named: String = named.chars().take(100).collect();
    Problem::not_found(format!("There is no endpoint `{named}`; GET {BASE}/endpoints lists them"))
}

/// The endpoint of the path in a transaction; one in the bin counts as gone.
pub(super) fn find_live(tx: &mut Tx<'_>, named: &str) -> Result<Endpoint, StoreError> {
    let endpoint = endpoints::find(tx, named)?;
    if endpoint.deleted_at.is_some() {
        return Err(StoreError::NotFound(format!(
            "endpoint `{}` is in the bin; POST {BASE}/endpoints/{}/undelete takes it out",
            endpoint.slug,
            endpoint.id.as_str()
        )));
    }
    Ok(endpoint)
}

pub(super) async fn list(x: &Exchange) -> Outcome {
    let (after, limit) = (x.query.after()?, x.query.limit());
    let status = x.query.get("status");
    let wanted = Selection {
        search: x.query.get("q").unwrap_or_default().to_owned(),
        tenant: x.query.get("tenant").map(str::to_owned),
        status: [Status::Active, Status::Paused, Status::Disabled]
            .into_iter()
            .find(|known| Some(known.as_str()) == status),
        binned: status == Some("deleted"),
        within: x.operator.reach.clone(),
    };
    let (found, more) = x.read(move |conn| endpoints::page(conn, &wanted, after.as_ref(), limit)).await?;
    let last = found.last().filter(|_| more);
    let next = last.map(|last| cursor(&fold(&last.endpoint.name), last.endpoint.id.as_str()));
    Reply::json(&Page { items: found.iter().map(|one| EndpointView::new(one, x)).collect(), next })
}

pub(super) async fn create(x: &Exchange) -> Outcome {
    let body: NewEndpointBody = x.body()?;
    let own = body.definitions.as_ref().map(definitions::to_text).transpose();
    let new = NewEndpoint {
        name: body.name,
        tenant: body.tenant,
        idp: body.idp.map_or(Idp::Generic, |name| name.0),
        settings: body.settings.read()?,
        definitions: own.map_err(|error| Problem::of(error, &x.request_id))?.flatten(),
    };
    make(x, body.token, move |_| Ok(new.clone())).await
}

pub(super) async fn clone(x: &Exchange) -> Outcome {
    let body: CloneBody = x.body()?;
    let named = x.segment("endpoint").to_owned();
    make(x, body.token, move |tx| Ok(NewEndpoint::like(&find_live(tx, &named)?, &body.name))).await
}

pub(super) async fn export(x: &Exchange) -> Outcome {
    Reply::json(&Document::of(&*x.endpoint()?))
}

/// Makes an endpoint with its first token, or tells of the one that the same request made before.
async fn make(
    x: &Exchange,
    token: Option<NewTokenBody>,
    plan: impl Fn(&mut Tx<'_>) -> Result<NewEndpoint, StoreError> + Send + 'static,
) -> Outcome {
    let mut token = token.unwrap_or_default().read("/token", x.now)?;
    if token.label.is_empty() {
        FIRST_TOKEN.clone_into(&mut token.label);
    }
    let (actor, now) = (x.actor(), x.now);
    let (summary, secret, record) = x
        .once(move |tx, before| {
            let (endpoint, secret, record) = match before {
                Some(made) => {
                    let endpoint = endpoints::find(tx, made)?;
                    let first = tokens::list(tx, &endpoint.id)?.pop().ok_or_else(|| {
                        StoreError::NotFound(
                            "the endpoint that this request made has no token any more".into(),
                        )
                    })?;
                    (endpoint, None, first)
                }
                None => {
                    let new = plan(tx)?;
                    let (endpoint, secret, record) =
                        endpoints::create_with_token(tx, &new, &token, &actor, now)?;
                    (endpoint, Some(secret), record)
                }
            };
            let id = endpoint.id.as_str().to_owned();
            Ok(((endpoints::summary(tx, endpoint)?, secret, record), id))
        })
        .await?;
    let location = format!("{BASE}/endpoints/{}", summary.endpoint.id.as_str());
    let made_now = secret.is_some();
    let token = IssuedToken::new(&record, secret.as_ref(), x.now);
    let reply = Reply::json(&CreatedEndpoint { endpoint: EndpointView::new(&summary, x), token })?
        .tagged(summary.endpoint.tag());
    Ok(if made_now { reply.made_at(location) } else { reply })
}

fn told(summary: &EndpointSummary, x: &Exchange) -> Outcome {
    Ok(Reply::json(&EndpointView::new(summary, x))?.tagged(summary.endpoint.tag()))
}

pub(super) async fn show(x: &Exchange) -> Outcome {
    let endpoint = x.endpoint()?;
    let summary = x.read(move |conn| endpoints::summary(conn, Endpoint::clone(&endpoint))).await?;
    told(&summary, x)
}

pub(super) async fn patch(x: &Exchange) -> Outcome {
    let body: EndpointPatch = x.body()?;
    let change = endpoints::Change {
        name: body.name,
        tenant: body.tenant,
        idp: body.idp.map(|name| name.0),
        settings: body.settings.read()?,
    };
    if change.idp.is_some() {
        // What is still counted in memory belongs to the past, too.
        x.api.store.flush_usage().await.map_err(|error| Problem::of(error, &x.request_id))?;
    }
    let (named, expected, actor, now) =
        (x.segment("endpoint").to_owned(), x.expected.clone(), x.actor(), x.now);
    let summary = x
        .write(move |tx| {
            let id = find_live(tx, &named)?.id;
            let endpoint = endpoints::update(tx, &id, &change, &expected, &actor, now)?;
            endpoints::summary(tx, endpoint)
        })
        .await?;
    told(&summary, x)
}

pub(super) async fn delete(x: &Exchange) -> Outcome {
    let (named, expected, actor, now) =
        (x.segment("endpoint").to_owned(), x.expected.clone(), x.actor(), x.now);
    x.write(move |tx| {
        let endpoint = find_live(tx, &named)?;
        expected.check(Some(&endpoint.tag()))?;
        endpoints::delete(tx, &endpoint.id, &actor, now)
    })
    .await?;
    Reply::done()
}

pub(super) async fn undelete(x: &Exchange) -> Outcome {
    let (named, actor, now) = (x.segment("endpoint").to_owned(), x.actor(), x.now);
    let summary = x
        .write(move |tx| {
            let id = endpoints::find(tx, &named)?.id;
            let endpoint = endpoints::undelete(tx, &id, &actor, now)?;
            endpoints::summary(tx, endpoint)
        })
        .await?;
    told(&summary, x)
}

pub(super) async fn pause(x: &Exchange) -> Outcome {
    turn(x, Turn::Pause).await
}

pub(super) async fn resume(x: &Exchange) -> Outcome {
    turn(x, Turn::Resume).await
}

pub(super) async fn disable(x: &Exchange) -> Outcome {
    turn(x, Turn::Disable).await
}

pub(super) async fn enable(x: &Exchange) -> Outcome {
    turn(x, Turn::Enable).await
}

async fn turn(x: &Exchange, turn: Turn) -> Outcome {
    let (named, actor, now) = (x.segment("endpoint").to_owned(), x.actor(), x.now);
    let summary = x
        .write(move |tx| {
            let id = find_live(tx, &named)?.id;
            let endpoint = endpoints::turn(tx, &id, turn, &actor, now)?;
            endpoints::summary(tx, endpoint)
        })
        .await?;
    told(&summary, x)
}
