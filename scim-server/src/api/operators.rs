//! `/operators`: the people who run the platform, for admins; owners are managed by owners.

use endpoint_admin::password;
use endpoint_store::caller::Actor;
use endpoint_store::operators::{self, Link, Operator, Reach, Role};
use endpoint_store::{Millis, api_keys, second_factor};
use scim_core::time::format;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};
use zeroize::Zeroizing;

use super::endpoints::present;
use super::me::{KeyView, key_of};
use super::problem::{Place, Problem};
use super::route::BASE;
use super::{Exchange, Outcome, Page, Reply};

/// An account of the console.
#[derive(Serialize, ToSchema)]
#[schema(as = Operator)]
pub(super) struct OperatorView {
    id: String,
    name: String,
    /// `owner`, `admin`, `operator` or `auditor`.
    role: &'static str,
    /// `active`, `invited` (no password was set yet) or `disabled`.
    status: &'static str,
    /// The tenants to whose endpoints the operator is limited; null for no limit.
    tenants: Option<Vec<String>>,
    /// Whether signing in to the console asks for a code, too.
    second_factor: bool,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    disabled_at: Option<String>,
    /// Last sign-in to the console.
    #[schema(format = DateTime)]
    last_sign_in_at: Option<String>,
}

impl OperatorView {
    pub(super) fn new(operator: &Operator) -> Self {
        Self {
            id: operator.id.clone(),
            name: operator.name.clone(),
            role: operator.role.as_str(),
            status: operator.status().as_str(),
            tenants: operator.reach.tenants().map(<[String]>::to_vec),
            second_factor: operator.second_factor_since.is_some(),
            created_at: format(operator.created_at),
            disabled_at: operator.disabled_at.map(format),
            last_sign_in_at: operator.last_sign_in_at.map(format),
        }
    }
}

/// A role by name.
#[derive(Clone, Copy)]
pub(super) struct RoleName(Role);

impl<'de> Deserialize<'de> for RoleName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        name.parse().map(Self).map_err(serde::de::Error::custom)
    }
}

impl PartialSchema for RoleName {
    fn schema() -> RefOr<Schema> {
        let names = Role::ALL.map(Role::as_str);
        ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names)).into()
    }
}

impl ToSchema for RoleName {}

/// A new operator.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewOperator)]
pub(super) struct NewOperatorBody {
    /// What they sign in with; compared without case.
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[!-~][^\x00-\x1f\x7f-\x9f]*$"
    )]
    name: String,
    #[schema(inline, value_type = RoleName)]
    role: RoleName,
    /// For the console; kept as an Argon2id hash. Without one the answer has a link by which they set their own.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false, format = Password, min_length = 12, max_length = 1000, pattern = r"^[^\x00]*$")]
    password: Option<String>,
}

/// What is to be different.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OperatorPatch {
    #[serde(default, deserialize_with = "present")]
    #[schema(inline, value_type = RoleName, required = false)]
    role: Option<RoleName>,
    /// The tenants to whose endpoints the operator is limited; `null` lifts the limit.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Vec<TenantName>>, required = false, max_items = 100)]
    tenants: Option<Option<Vec<String>>>,
}

/// A tenant, as it stands on endpoints; compared without case.
#[derive(ToSchema)]
#[schema(min_length = 1, max_length = 100, pattern = r"^[^\x00-\x1f\x7f-\x9f]*[!-~][^\x00-\x1f\x7f-\x9f]*$")]
#[expect(dead_code, reason = "describes the names in a list")]
pub(super) struct TenantName(String);

/// A new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PasswordBody {
    /// For the console; kept as an Argon2id hash. Without one the former password ends, and the answer has a link by which
    /// they set their own.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false, format = Password, min_length = 12, max_length = 1000, pattern = r"^[^\x00]*$")]
    password: Option<String>,
}

/// An account, with the link that was made for it.
#[derive(Serialize, ToSchema)]
pub(super) struct OperatorWithLink {
    #[serde(flatten)]
    operator: OperatorView,
    /// Where they set their password: once, by whoever opens it. Shown this once; null when a password was given, and when this request had made it before.
    setup_url: Option<String>,
    #[schema(format = DateTime)]
    setup_url_expires_at: Option<String>,
}

impl OperatorWithLink {
    fn new(x: &Exchange, (operator, link): &(Operator, Option<Link>)) -> Self {
        let url = |link: &Link| format!("{}/setup/{}", x.api.console_url.as_str(), link.code.reveal());
        Self {
            operator: OperatorView::new(operator),
            setup_url: link.as_ref().map(url),
            setup_url_expires_at: link.as_ref().map(|link| format(link.expires_at)),
        }
    }
}

async fn hashed(x: &Exchange, password: Zeroizing<String>) -> Result<String, Problem> {
    password::check(&password)
        .map_err(|error| Problem::unprocessable(vec![Place::at("/password", error.to_string())]))?;
    x.api.hasher.hash(password).await.map_err(|error| {
        tracing::error!(%error, "a password could not be hashed");
        Problem::internal()
    })
}

pub(super) async fn list(x: &Exchange) -> Outcome {
    let all = x.read(operators::list).await?;
    Reply::json(&Page::whole(all.iter().map(OperatorView::new)))
}

pub(super) async fn show(x: &Exchange) -> Outcome {
    let named = x.segment("operator").to_owned();
    let found = x.read(move |conn| operators::find_by(conn, &named)).await?;
    told(&found)
}

/// An account with its entity tag.
fn told(operator: &Operator) -> Outcome {
    Ok(Reply::json(&OperatorView::new(operator))?.tagged(operator.tag()))
}

pub(super) async fn create(x: &Exchange) -> Outcome {
    let body: NewOperatorBody = x.body()?;
    let RoleName(role) = body.role;
    if !x.operator.role.may_manage(role) {
        return Err(Problem::forbidden(x.operator.role, role));
    }
    let hash = match body.password {
        Some(password) => Some(hashed(x, Zeroizing::new(password)).await?),
        None => None,
    };
    let (name, actor, now) = (body.name, x.actor(), x.now);
    let made = x
        .once(move |tx, before| {
            let made = match (before, &hash) {
                (Some(made), _) => (operators::find_by(tx, made)?, None),
                (None, Some(hash)) => (operators::create(tx, &name, hash, role, &actor, now)?, None),
                (None, None) => operators::invite(tx, &name, role, &actor, now).map(with_link)?,
            };
            let id = made.0.id.clone();
            Ok(((made, before.is_none()), id))
        })
        .await?;
    let (made, made_now) = made;
    let location = format!("{BASE}/operators/{}", made.0.id);
    let reply = Reply::json(&OperatorWithLink::new(x, &made))?;
    Ok(if made_now { reply.made_at(location) } else { reply })
}

fn with_link((operator, link): (Operator, Link)) -> (Operator, Option<Link>) {
    (operator, Some(link))
}

/// Who acts on whom, and when.
fn act(x: &Exchange) -> (String, Actor, Millis) {
    (x.segment("operator").to_owned(), x.actor(), x.now)
}

pub(super) async fn patch(x: &Exchange) -> Outcome {
    let body: OperatorPatch = x.body()?;
    let (expected, (named, actor, now)) = (x.expected.clone(), act(x));
    let changed = x
        .write(move |tx| {
            let mut changed = operators::manageable(tx, &named, &actor)?;
            expected.check(Some(&changed.tag()))?;
            if let Some(RoleName(role)) = body.role {
                changed = operators::set_role(tx, &changed.id, role, &actor, now)?;
            }
            if let Some(tenants) = &body.tenants {
                let reach = Reach::to_tenants(tenants.as_deref().unwrap_or_default())?;
                changed = operators::set_reach(tx, &changed.id, &reach, &actor, now)?;
            }
            Ok(changed)
        })
        .await?;
    told(&changed)
}

pub(super) async fn disable(x: &Exchange) -> Outcome {
    let (named, actor, now) = act(x);
    let off = x.write(move |tx| operators::disable(tx, &named, &actor, now)).await?;
    Reply::json(&OperatorView::new(&off))
}

pub(super) async fn enable(x: &Exchange) -> Outcome {
    let (named, actor, now) = act(x);
    let on = x.write(move |tx| operators::enable(tx, &named, &actor, now)).await?;
    Reply::json(&OperatorView::new(&on))
}

pub(super) async fn sign_out(x: &Exchange) -> Outcome {
    let (named, actor, now) = act(x);
    x.write(move |tx| operators::sign_out(tx, &named, &actor, now)).await?;
    Reply::done()
}

pub(super) async fn reset_second_factor(x: &Exchange) -> Outcome {
    let (named, actor, now) = act(x);
    let reset = x.write(move |tx| second_factor::reset(tx, &named, &actor, now)).await?;
    Reply::json(&OperatorView::new(&reset))
}

pub(super) async fn reset_password(x: &Exchange) -> Outcome {
    let body: PasswordBody = x.body()?;
    let hash = match body.password {
        Some(password) => Some(hashed(x, Zeroizing::new(password)).await?),
        None => None,
    };
    let (named, actor, now) = act(x);
    let on = x
        .write(move |tx| match &hash {
            Some(hash) => Ok((operators::reset_password(tx, &named, hash, &actor, now)?, None)),
            None => operators::reset_by_link(tx, &named, &actor, now).map(with_link),
        })
        .await?;
    Reply::json(&OperatorWithLink::new(x, &on))
}

pub(super) async fn keys(x: &Exchange) -> Outcome {
    let named = x.segment("operator").to_owned();
    let all = x
        .read(move |conn| {
            let operator = operators::find_by(conn, &named)?;
            api_keys::list(conn, &operator)
        })
        .await?;
    Reply::json(&Page::whole(all.iter().map(|key| KeyView::new(key, x.now))))
}

pub(super) async fn revoke_key(x: &Exchange) -> Outcome {
    let (key, (named, actor, now)) = (key_of(x), act(x));
    x.write(move |tx| {
        let operator = operators::manageable(tx, &named, &actor)?;
        let record = api_keys::get(tx, &operator, &key)?;
        if record.revoked_at.is_some() {
            // It is as it is wanted: asking again is no mistake.
            return Ok(record);
        }
        api_keys::revoke(tx, &operator, &key, &actor, now)
    })
    .await?;
    Reply::done()
}
