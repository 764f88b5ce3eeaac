//! `/operators`: the people who run the platform, for admins; owners are managed by owners.

use endpoint_admin::password;
use endpoint_store::api_keys;
use endpoint_store::operators::{self, Operator, Role};
use scim_core::time::format;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};
use zeroize::Zeroizing;

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
    /// `active` or `disabled`.
    status: &'static str,
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
            status: if operator.disabled_at.is_some() { "disabled" } else { "active" },
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
    /// For the console; kept as an Argon2id hash.
    #[schema(format = Password, min_length = 12, max_length = 1000, pattern = r"^[^\x00]*$")]
    password: String,
}

/// A new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PasswordBody {
    /// For the console; kept as an Argon2id hash.
    #[schema(format = Password, min_length = 12, max_length = 1000, pattern = r"^[^\x00]*$")]
    password: String,
}

async fn hashed(x: &Exchange, password: Zeroizing<String>) -> Result<String, Problem> {
    password::check(&password)
        .map_err(|error| Problem::unprocessable(vec![Place::at("/password", error.to_string())]))?;
    x.api.hasher.hash(password).await.map_err(|error| {
        tracing::error!(%error, "a password could not be hashed");
        Problem::internal()
    })
}

/// The operator of the path, if the one who asks may manage such a one.
async fn wanted(x: &Exchange) -> Result<Operator, Problem> {
    let named = x.segment("operator").to_owned();
    let found = x.read(move |conn| operators::find_by(conn, &named)).await?;
    // Roles do not change, so what was read stays true.
    if x.operator.role.may_manage(found.role) {
        Ok(found)
    } else {
        Err(Problem::forbidden(x.operator.role, found.role))
    }
}

pub(super) async fn list(x: &Exchange) -> Outcome {
    let all = x.read(operators::list).await?;
    Reply::json(&Page::whole(all.iter().map(OperatorView::new)))
}

pub(super) async fn show(x: &Exchange) -> Outcome {
    let named = x.segment("operator").to_owned();
    let found = x.read(move |conn| operators::find_by(conn, &named)).await?;
    Reply::json(&OperatorView::new(&found))
}

pub(super) async fn create(x: &Exchange) -> Outcome {
    let body: NewOperatorBody = x.body()?;
    let RoleName(role) = body.role;
    if !x.operator.role.may_manage(role) {
        return Err(Problem::forbidden(x.operator.role, role));
    }
    let hash = hashed(x, Zeroizing::new(body.password)).await?;
    let (name, actor, now) = (body.name, x.actor(), x.now);
    let made = x.write(move |tx| operators::create(tx, &name, &hash, role, &actor, now)).await?;
    let location = format!("{BASE}/operators/{}", made.id);
    Ok(Reply::json(&OperatorView::new(&made))?.made_at(location))
}

pub(super) async fn disable(x: &Exchange) -> Outcome {
    let (name, actor, now) = (wanted(x).await?.name, x.actor(), x.now);
    let off = x.write(move |tx| operators::disable(tx, &name, &actor, now)).await?;
    Reply::json(&OperatorView::new(&off))
}

pub(super) async fn reset_password(x: &Exchange) -> Outcome {
    let body: PasswordBody = x.body()?;
    let name = wanted(x).await?.name;
    let hash = hashed(x, Zeroizing::new(body.password)).await?;
    let (actor, now) = (x.actor(), x.now);
    let on = x.write(move |tx| operators::reset_password(tx, &name, &hash, &actor, now)).await?;
    Reply::json(&OperatorView::new(&on))
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
    let operator = wanted(x).await?;
    let (key, actor, now) = (key_of(x), x.actor(), x.now);
    x.write(move |tx| {
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
