//! Endpoints: their names and addresses, states, and life cycle.

use std::sync::Arc;

use diesel::prelude::*;
use scim_core::fold::fold;
use scim_core::schema::Catalog;

use crate::conn::Conn;
use crate::error::StoreError;
use crate::ids::{Millis, new_id};
use crate::schema::{endpoint_progress, endpoint_slugs, endpoints, resource_counts, token_usage, tokens};
use crate::settings::{Idp, Settings};
use crate::writer::Tx;

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

    fn parse(text: &str) -> Result<Self, StoreError> {
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
}

/// Makes an endpoint with its preset; a slug that is taken gets a number (`onelogin-2`).
///
/// # Errors
/// [`StoreError::Refused`] for a name that is empty, too long or gives no slug.
pub fn create(tx: &mut Tx<'_>, new: &NewEndpoint, now: Millis) -> Result<Endpoint, StoreError> {
    let name = check_name(&new.name)?;
    let slug = free_slug(tx, &name)?;
    let tenant = new.tenant.as_deref().map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned);
    let row = Row {
        id: new_id(now),
        slug,
        name_key: fold(&name),
        name,
        tenant,
        idp: new.idp.as_str().to_owned(),
        status: Status::Active.as_str().to_owned(),
        settings: to_json(&Settings::preset(new.idp))?,
        definitions: None,
        created_at: now,
        updated_at: now,
        deleted_at: None,
    };
    diesel::insert_into(endpoints::table).values(&row).execute(&mut **tx)?;
    diesel::insert_into(endpoint_slugs::table)
        .values((endpoint_slugs::slug.eq(&row.slug), endpoint_slugs::endpoint_id.eq(&row.id)))
        .execute(&mut **tx)?;
    diesel::insert_into(endpoint_progress::table)
        .values((endpoint_progress::endpoint_id.eq(&row.id), endpoint_progress::last_change.eq(0)))
        .execute(&mut **tx)?;
    tx.registry_changed();
    row.try_into()
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
    rows.into_iter().map(Endpoint::try_from).collect()
}

/// One line of the endpoint list.
#[derive(Debug, Clone)]
pub struct EndpointSummary {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// Users that SCIM shows.
    pub users: i64,
    /// Groups that SCIM shows.
    pub groups: i64,
    /// When a live token was last used.
    pub last_heard: Option<Millis>,
    /// When the oldest token that was not revoked was made.
    pub oldest_token: Option<Millis>,
}

/// One page of the endpoints whose name starts with `search`, by name, and how many there are in all.
pub fn list(
    conn: &mut Conn,
    search: &str,
    binned: bool,
    offset: i64,
    limit: i64,
) -> Result<(Vec<EndpointSummary>, i64), StoreError> {
    let from = fold(search);
    let to = format!("{from}\u{10FFFF}");
    macro_rules! matching {
        () => {{
            let q = endpoints::table
                .filter(endpoints::name_key.ge(from.clone()))
                .filter(endpoints::name_key.le(to.clone()))
                .into_boxed();
            if binned {
                q.filter(endpoints::deleted_at.is_not_null())
            } else {
                q.filter(endpoints::deleted_at.is_null())
            }
        }};
    }
    let total: i64 = matching!().count().get_result(conn)?;
    let rows: Vec<Row> = matching!()
        .order((endpoints::name_key, endpoints::id))
        .limit(limit)
        .offset(offset)
        .select(Row::as_select())
        .load(conn)?;
    let summaries = rows.into_iter().map(|row| summary(conn, row.try_into()?)).collect::<Result<_, _>>()?;
    Ok((summaries, total))
}

/// Counts and times of one endpoint, as in the list.
pub fn summary(conn: &mut Conn, endpoint: Endpoint) -> Result<EndpointSummary, StoreError> {
    let counts: Vec<(String, i64)> = resource_counts::table
        .filter(resource_counts::endpoint_id.eq(endpoint.id.as_str()))
        .select((resource_counts::resource_type, resource_counts::visible))
        .load(conn)?;
    let count_of = |name: &str| counts.iter().find(|(t, _)| t == name).map_or(0, |(_, n)| *n);
    let (last_heard, oldest_token): (Option<i64>, Option<i64>) = tokens::table
        .inner_join(token_usage::table)
        .filter(tokens::endpoint_id.eq(endpoint.id.as_str()))
        .filter(tokens::revoked_at.is_null())
        .select((diesel::dsl::max(token_usage::last_at), diesel::dsl::min(tokens::created_at)))
        .get_result(conn)?;
    Ok(EndpointSummary {
        users: count_of("User"),
        groups: count_of("Group"),
        last_heard,
        oldest_token,
        endpoint,
    })
}

/// Gives a new name and slug; the old slug keeps working.
pub fn rename(tx: &mut Tx<'_>, id: &EndpointId, name: &str, now: Millis) -> Result<Endpoint, StoreError> {
    let name = check_name(name)?;
    let current = find(tx, id.as_str())?;
    let own: Vec<String> = endpoint_slugs::table
        .filter(endpoint_slugs::endpoint_id.eq(id.as_str()))
        .select(endpoint_slugs::slug)
        .load(&mut **tx)?;
    let wanted = slug_for(&name).unwrap_or_default();
    let slug = if own.contains(&wanted) {
        wanted
    } else {
        let slug = free_slug(tx, &name)?;
        diesel::insert_into(endpoint_slugs::table)
            .values((endpoint_slugs::slug.eq(&slug), endpoint_slugs::endpoint_id.eq(id.as_str())))
            .execute(&mut **tx)?;
        slug
    };
    diesel::update(endpoints::table.filter(endpoints::id.eq(id.as_str())))
        .set((
            endpoints::name.eq(&name),
            endpoints::name_key.eq(fold(&name)),
            endpoints::slug.eq(&slug),
            endpoints::updated_at.eq(now),
        ))
        .execute(&mut **tx)?;
    tx.registry_changed();
    Ok(Endpoint { name, slug, ..current })
}

/// Pauses, resumes, disables or enables.
pub fn set_status(tx: &mut Tx<'_>, id: &EndpointId, status: Status, now: Millis) -> Result<(), StoreError> {
    diesel::update(endpoints::table.filter(endpoints::id.eq(id.as_str())))
        .set((endpoints::status.eq(status.as_str()), endpoints::updated_at.eq(now)))
        .execute(&mut **tx)?;
    tx.registry_changed();
    Ok(())
}

/// Replaces the settings.
pub fn set_settings(
    tx: &mut Tx<'_>,
    id: &EndpointId,
    settings: &Settings,
    now: Millis,
) -> Result<(), StoreError> {
    diesel::update(endpoints::table.filter(endpoints::id.eq(id.as_str())))
        .set((endpoints::settings.eq(to_json(settings)?), endpoints::updated_at.eq(now)))
        .execute(&mut **tx)?;
    tx.registry_changed();
    Ok(())
}

/// Makes the endpoint one for another identity provider, with its preset.
pub fn set_idp(tx: &mut Tx<'_>, id: &EndpointId, idp: Idp, now: Millis) -> Result<(), StoreError> {
    let settings = Settings { delete: find(tx, id.as_str())?.settings.delete, ..Settings::preset(idp) };
    diesel::update(endpoints::table.filter(endpoints::id.eq(id.as_str())))
        .set((
            endpoints::idp.eq(idp.as_str()),
            endpoints::settings.eq(to_json(&settings)?),
            endpoints::updated_at.eq(now),
        ))
        .execute(&mut **tx)?;
    tx.registry_changed();
    Ok(())
}

/// Replaces the extensions and resource types of an endpoint's own; `None` takes all away. Index keys of what is
/// there follow.
///
/// # Errors
/// [`StoreError::Refused`] for definitions that are not sound, or that take away a type that has resources.
pub fn set_definitions(
    tx: &mut Tx<'_>,
    id: &EndpointId,
    definitions: Option<&str>,
    now: Millis,
) -> Result<Endpoint, StoreError> {
    let new = catalog(definitions).map_err(StoreError::Refused)?;
    let current = find(tx, id.as_str())?;
    crate::directory::follow_catalog(tx, &current, &new)?;
    diesel::update(endpoints::table.filter(endpoints::id.eq(id.as_str())))
        .set((endpoints::definitions.eq(definitions), endpoints::updated_at.eq(now)))
        .execute(&mut **tx)?;
    tx.registry_changed();
    find(tx, id.as_str())
}

fn catalog(definitions: Option<&str>) -> Result<Arc<Catalog>, String> {
    const LARGEST: usize = 256 * 1024;
    let Some(text) = definitions else { return Ok(Catalog::builtin()) };
    if text.len() > LARGEST {
        return Err(format!("the definitions are larger than {LARGEST} bytes"));
    }
    let json = scim_core::json::parse(text.as_bytes()).map_err(|e| e.to_string())?;
    Catalog::with_definitions(&json).map(Arc::new).map_err(|e| e.to_string())
}

/// Puts an endpoint into the bin (`Some(now)`), where it answers nobody, or takes it out again (`None`).
pub fn set_deleted(tx: &mut Tx<'_>, id: &EndpointId, at: Option<Millis>) -> Result<(), StoreError> {
    diesel::update(endpoints::table.filter(endpoints::id.eq(id.as_str())))
        .set(endpoints::deleted_at.eq(at))
        .execute(&mut **tx)?;
    tx.registry_changed();
    Ok(())
}

fn to_json(settings: &Settings) -> Result<String, StoreError> {
    serde_json::to_string(settings).map_err(|e| StoreError::Damaged(e.to_string()))
}

fn check_name(name: &str) -> Result<String, StoreError> {
    let name = name.trim();
    if slug_for(name).is_none() {
        return Err(StoreError::refused(
            "the name needs at least one letter a–z or digit: the endpoint's URL is made from it",
        ));
    }
    if name.chars().count() > NAME_LENGTH || name.chars().any(char::is_control) {
        return Err(StoreError::refused("the name may have at most 100 characters, on one line"));
    }
    Ok(name.to_owned())
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
