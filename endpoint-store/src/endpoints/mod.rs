//! Endpoints: their names and addresses, states, and life cycle.

pub mod accept;
pub mod definitions;
pub mod document;
mod life;
mod list;
pub mod overview;
mod purge;
mod update;

use std::sync::Arc;

use diesel::prelude::*;
use scim_core::fold::fold;
use scim_core::schema::Catalog;

use crate::audit::{Action, Note};
use crate::caller::Actor;
use crate::conn::Conn;
use crate::error::StoreError;
use crate::health;
use crate::ids::{Millis, new_id};
use crate::operators;
use crate::registry;
use crate::schema::{endpoint_progress, endpoint_slugs, endpoints};
use crate::settings::{Idp, Settings};
use crate::version;
use crate::writer::Tx;

pub use life::{
    BIN_LIFETIME, Turn, delete, rename, set_definitions, set_idp, set_settings, set_status, turn, undelete,
};
pub use list::{EndpointSummary, Selection, counts, list, list_within, page, summary};
pub use purge::{due as due_for_purge, purge};
pub use update::{Change, create_with_token, update};

const SLUG_LENGTH: usize = 63;
const NAME_LENGTH: usize = 100;

/// Names one endpoint; every store function about its data takes it first.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EndpointId(pub(crate) String);

impl EndpointId {
    /// As stored, and as usable in URLs in place of the slug.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether an endpoint answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It answers.
    Active,
    /// 503 with Retry-After: the IdP tries again later.
    Paused,
    /// 403: switched off.
    Disabled,
}

impl Status {
    /// As stored and shown by the CLI.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Disabled => "disabled",
        }
    }

    fn as_action(self) -> Action {
        match self {
            Self::Active => Action::EndpointActivate,
            Self::Paused => Action::EndpointPause,
            Self::Disabled => Action::EndpointDisable,
        }
    }

    pub(crate) fn parse(text: &str) -> Result<Self, StoreError> {
        [Self::Active, Self::Paused, Self::Disabled]
            .into_iter()
            .find(|s| s.as_str() == text)
            .ok_or_else(|| StoreError::Damaged(format!("unknown endpoint status `{text}`")))
    }
}

/// One SCIM endpoint: an isolated directory with its own URL, tokens and settings.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Never changes.
    pub id: EndpointId,
    /// Its place in the URL; an old one keeps working.
    pub slug: String,
    /// What operators call it.
    pub name: String,
    /// The customer it belongs to.
    pub tenant: Option<String>,
    /// The identity provider it is made for.
    pub idp: Idp,
    /// Whether it answers.
    pub status: Status,
    /// Its settings.
    pub settings: Settings,
    /// Extensions and resource types of its own, as they were given.
    pub definitions: Option<String>,
    /// Its resource types and schemas: the built-in ones and its own.
    pub catalog: Arc<Catalog>,
    /// When it was made.
    pub created_at: Millis,
    /// When it was put into the bin.
    pub deleted_at: Option<Millis>,
}

impl Endpoint {
    /// The version of what can be set about it; counts and uses are no part of it.
    pub fn tag(&self) -> String {
        version::tag(&(
            (self.id.as_str(), &self.slug, &self.name, &self.tenant),
            (self.idp.as_str(), self.status.as_str(), self.settings.entries()),
            (&self.definitions, self.deleted_at),
        ))
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = endpoints, treat_none_as_default_value = false)]
struct Row {
    id: String,
    slug: String,
    name: String,
    name_key: String,
    tenant: Option<String>,
    idp: String,
    status: String,
    settings: String,
    definitions: Option<String>,
    created_at: i64,
    updated_at: i64,
    deleted_at: Option<i64>,
}

impl TryFrom<Row> for Endpoint {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            idp: row.idp.parse().map_err(StoreError::Damaged)?,
            status: Status::parse(&row.status)?,
            settings: serde_json::from_str(&row.settings)
                .map_err(|e| StoreError::Damaged(format!("settings of endpoint {}: {e}", row.slug)))?,
            catalog: catalog(row.definitions.as_deref())
                .map_err(|e| StoreError::Damaged(format!("definitions of endpoint {}: {e}", row.slug)))?,
            definitions: row.definitions,
            id: EndpointId(row.id),
            slug: row.slug,
            name: row.name,
            tenant: row.tenant,
            created_at: row.created_at,
            deleted_at: row.deleted_at,
        })
    }
}

/// The slug of a name: lower-case letters, digits and single hyphens, at most 63; `None` when nothing is left.
pub fn slug_for(name: &str) -> Option<String> {
    let mut slug = String::new();
    for c in name.chars().flat_map(char::to_lowercase) {
        if slug.len() == SLUG_LENGTH {
            break;
        }
        if c.is_ascii_alphanumeric() {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    let slug = slug.trim_end_matches('-');
    (!slug.is_empty()).then(|| slug.to_owned())
}

/// What an operator chooses for a new endpoint.
#[derive(Debug, Clone)]
pub struct NewEndpoint {
    /// 1 to 100 characters with at least one letter or digit.
    pub name: String,
    /// The customer it belongs to.
    pub tenant: Option<String>,
    /// The identity provider.
    pub idp: Idp,
    /// Settings by name, against the provider's preset.
    pub settings: Vec<(String, String)>,
    /// Extensions and resource types of its own.
    pub definitions: Option<String>,
}

impl NewEndpoint {
    /// One with the preset of its provider and the standard's schemas, of no tenant.
    pub fn new(name: impl Into<String>, idp: Idp) -> Self {
        Self { name: name.into(), tenant: None, idp, settings: Vec::new(), definitions: None }
    }

    /// One like another, under a name of its own: provider, settings and definitions, not what is in it.
    pub fn like(other: &Endpoint, name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            tenant: other.tenant.clone(),
            idp: other.idp,
            settings: other.settings.entries(),
            definitions: other.definitions.clone(),
        }
    }
}

/// Makes an endpoint; a slug that is taken gets a number (`onelogin-2`).
///
/// # Errors
/// [`StoreError::Invalid`] with the place: a name that is empty, too long or gives no slug, a tenant that is too long,
/// a setting that does not exist, definitions that are not sound.
pub fn create(
    tx: &mut Tx<'_>,
    new: &NewEndpoint,
    actor: &Actor,
    now: Millis,
) -> Result<Endpoint, StoreError> {
    let name = check_name(&new.name)?;
    let tenant = check_tenant(new.tenant.as_deref())?;
    operators::check_tenant(tx, actor, tenant.as_deref())?;
    let mut settings = Settings::preset(new.idp);
    settings.set_all(&new.settings)?;
    catalog(new.definitions.as_deref()).map_err(|error| error.within("/definitions"))?;
    let slug = free_slug(tx, &name)?;
    let row = Row {
        id: new_id(now),
        slug,
        name_key: fold(&name),
        name,
        tenant,
        idp: new.idp.as_str().to_owned(),
        status: Status::Active.as_str().to_owned(),
        settings: to_json(&settings)?,
        definitions: new.definitions.clone(),
        created_at: now,
        updated_at: now,
        deleted_at: None,
    };
    diesel::insert_into(endpoints::table).values(&row).execute(&mut **tx)?;
    diesel::insert_into(endpoint_slugs::table)
        .values((endpoint_slugs::slug.eq(&row.slug), endpoint_slugs::endpoint_id.eq(&row.id)))
        .execute(&mut **tx)
        .map_err(name_taken)?;
    diesel::insert_into(endpoint_progress::table)
        .values((endpoint_progress::endpoint_id.eq(&row.id), endpoint_progress::last_change.eq(0)))
        .execute(&mut **tx)?;
    let endpoint = Endpoint::try_from(row)?;
    health::begin(tx, &endpoint.id)?;
    let note = Note::new(actor, now, Action::EndpointCreate, &endpoint.slug).on(&endpoint.id);
    tx.note(note.after(life::facts(&endpoint)));
    tx.registry_changed();
    Ok(endpoint)
}

/// An endpoint by slug, former slug or id; also one in the bin.
///
/// # Errors
/// [`StoreError::NotFound`].
pub fn find(conn: &mut Conn, slug_or_id: &str) -> Result<Endpoint, StoreError> {
    let id: String = endpoint_slugs::table
        .filter(endpoint_slugs::slug.eq(slug_or_id.to_ascii_lowercase()))
        .select(endpoint_slugs::endpoint_id)
        .get_result(conn)
        .optional()?
        .unwrap_or_else(|| slug_or_id.to_owned());
    let row: Option<Row> =
        endpoints::table.filter(endpoints::id.eq(id)).select(Row::as_select()).get_result(conn).optional()?;
    row.ok_or_else(|| StoreError::NotFound(format!("there is no endpoint `{slug_or_id}`")))?.try_into()
}

/// Every endpoint that is not in the bin, by name. For the registry.
pub(crate) fn all(conn: &mut Conn) -> Result<Vec<Endpoint>, StoreError> {
    let rows: Vec<Row> =
        endpoints::table.filter(endpoints::deleted_at.is_null()).select(Row::as_select()).load(conn)?;
    Ok(rows.into_iter().filter_map(|row| registry::readable(Endpoint::try_from(row))).collect())
}

/// Every endpoint, also in the bin, but for those that are being removed; and a sentence for each that cannot be read.
pub(crate) fn whole(conn: &mut Conn) -> Result<(Vec<Endpoint>, Vec<String>), StoreError> {
    let rows: Vec<Row> = endpoints::table
        .filter(endpoints::purge_began_at.is_null())
        .order(endpoints::name_key)
        .select(Row::as_select())
        .load(conn)?;
    let (mut read, mut unreadable) = (Vec::new(), Vec::new());
    for row in rows {
        match Endpoint::try_from(row) {
            Ok(endpoint) => read.push(endpoint),
            Err(error) => unreadable.push(error.reason()),
        }
    }
    Ok((read, unreadable))
}

fn catalog(definitions: Option<&str>) -> Result<Arc<Catalog>, StoreError> {
    let wrong = |sentence: String| StoreError::invalid("", sentence);
    const LARGEST: usize = 256 * 1024;
    let Some(text) = definitions else { return Ok(Catalog::builtin()) };
    if text.len() > LARGEST {
        return Err(wrong(format!("the definitions are larger than {LARGEST} bytes")));
    }
    let json = scim_core::json::parse(text.as_bytes()).map_err(|e| wrong(e.to_string()))?;
    // serde would read a list as the object's fields in their order.
    if !json.is_object() {
        return Err(wrong(
            "the definitions are a JSON object: {\"extensions\": […], \"resourceTypes\": […]}".into(),
        ));
    }
    Catalog::with_definitions(&json)
        .map(Arc::new)
        .map_err(|e| StoreError::invalid(e.pointer(), e.to_string()))
}

fn to_json(settings: &Settings) -> Result<String, StoreError> {
    serde_json::to_string(settings).map_err(|e| StoreError::Damaged(e.to_string()))
}

fn check_name(name: &str) -> Result<String, StoreError> {
    let name = name.trim();
    if slug_for(name).is_none() {
        return Err(StoreError::invalid(
            "/name",
            "the name needs at least one letter a–z or digit: the endpoint's URL is made from it",
        ));
    }
    if name.chars().count() > NAME_LENGTH || name.chars().any(char::is_control) {
        return Err(StoreError::invalid("/name", "the name may have at most 100 characters, on one line"));
    }
    Ok(name.to_owned())
}

/// No tenant, or its name without blanks around it.
fn check_tenant(tenant: Option<&str>) -> Result<Option<String>, StoreError> {
    let Some(tenant) = tenant.map(str::trim).filter(|tenant| !tenant.is_empty()) else { return Ok(None) };
    if tenant.chars().count() > NAME_LENGTH || tenant.chars().any(char::is_control) {
        return Err(StoreError::invalid(
            "/tenant",
            "the tenant may have at most 100 characters, on one line",
        ));
    }
    Ok(Some(tenant.to_owned()))
}

/// On PostgreSQL two may take the same slug at the same moment.
fn name_taken(error: diesel::result::Error) -> StoreError {
    if StoreError::is_unique_violation(&error) {
        return StoreError::refused("another endpoint took this name at the same moment; try again");
    }
    error.into()
}

fn free_slug(conn: &mut Conn, name: &str) -> Result<String, StoreError> {
    let base = slug_for(name).unwrap_or_default();
    for n in 1..10_000 {
        let suffix = if n == 1 { String::new() } else { format!("-{n}") };
        let room = SLUG_LENGTH - suffix.len();
        let stem: String = base.chars().take(room).collect();
        let slug = format!("{}{suffix}", stem.trim_end_matches('-'));
        let taken: i64 =
            endpoint_slugs::table.filter(endpoint_slugs::slug.eq(&slug)).count().get_result(conn)?;
        if taken == 0 {
            return Ok(slug);
        }
    }
    Err(StoreError::refused("too many endpoints have this name; choose another"))
}

#[cfg(test)]
mod tests {
    use super::slug_for;

    #[test]
    fn slugs_have_only_letters_digits_and_single_hyphens() {
        assert_eq!(slug_for("OneLogin").as_deref(), Some("onelogin"));
        assert_eq!(slug_for("  Acme / Okta_Prod (EU) ").as_deref(), Some("acme-okta-prod-eu"));
        assert_eq!(slug_for("Zürich").as_deref(), Some("z-rich"));
        assert_eq!(slug_for("---").as_deref(), None);
        assert_eq!(slug_for("測試").as_deref(), None);
        assert!(slug_for(&"a".repeat(200)).is_some_and(|s| s.len() == 63));
    }
}
