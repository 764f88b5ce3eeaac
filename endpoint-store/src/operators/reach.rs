//! Which endpoints an operator sees and works on: all, or those of some tenants.
//!
//! Both doors ask before a handler runs, for every route with an endpoint in its path; the lists ask for themselves, and so do
//! the few acts that name an endpoint or a tenant in a body.

use diesel::prelude::*;
use scim_core::fold::fold;
use serde_json::json;

use super::manage::{account_of, manageable};
use super::{Operator, Role};
use crate::audit::{Action, Note};
use crate::caller::Actor;
use crate::conn::Conn;
use crate::endpoints::Endpoint;
use crate::error::StoreError;
use crate::ids::Millis;
use crate::schema::{endpoints, operators};
use crate::writer::Tx;

/// The most tenants that one operator is limited to.
const MOST: usize = 100;
const LONGEST: usize = 100;

/// What an operator sees.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Reach {
    /// Every endpoint.
    #[default]
    Everything,
    /// Those of these tenants, compared without case.
    Tenants(Vec<String>),
}

impl Reach {
    /// Limited to these tenants; none at all means every endpoint.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for names that no tenant can have.
    pub fn to_tenants(names: &[String]) -> Result<Self, StoreError> {
        let mut kept: Vec<String> = Vec::new();
        for (at, name) in names.iter().enumerate() {
            let name = name.trim();
            if name.is_empty() || name.chars().count() > LONGEST || name.chars().any(char::is_control) {
                let sentence = format!("a tenant has 1 to {LONGEST} characters, on one line");
                return Err(StoreError::invalid(format!("/tenants/{at}"), sentence));
            }
            if kept.iter().all(|known| fold(known) != fold(name)) {
                kept.push(name.to_owned());
            }
        }
        if kept.len() > MOST {
            return Err(StoreError::invalid("/tenants", format!("at most {MOST} tenants can be named")));
        }
        Ok(if kept.is_empty() { Self::Everything } else { Self::Tenants(kept) })
    }

    /// The tenants; `None` where there is no limit.
    pub fn tenants(&self) -> Option<&[String]> {
        match self {
            Self::Everything => None,
            Self::Tenants(names) => Some(names),
        }
    }

    /// Whether endpoints of this tenant are within.
    pub fn covers(&self, tenant: Option<&str>) -> bool {
        match (self, tenant) {
            (Self::Everything, _) => true,
            (Self::Tenants(_), None) => false,
            (Self::Tenants(names), Some(tenant)) => names.iter().any(|name| fold(name) == fold(tenant)),
        }
    }

    /// Whether all that is within the other one is within this one.
    pub fn includes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Everything, _) => true,
            (Self::Tenants(_), Self::Everything) => false,
            (Self::Tenants(_), Self::Tenants(names)) => names.iter().all(|name| self.covers(Some(name))),
        }
    }

    /// The tenants as endpoints spell them, for queries; `None` where there is no limit.
    pub(crate) fn spellings(&self, conn: &mut Conn) -> Result<Option<Vec<String>>, StoreError> {
        if *self == Self::Everything {
            return Ok(None);
        }
        let all: Vec<Option<String>> = endpoints::table
            .filter(endpoints::tenant.is_not_null())
            .select(endpoints::tenant)
            .distinct()
            .load(conn)?;
        Ok(Some(all.into_iter().flatten().filter(|tenant| self.covers(Some(tenant))).collect()))
    }

    pub(super) fn from_kept(text: Option<&str>) -> Result<Self, StoreError> {
        let Some(text) = text else { return Ok(Self::Everything) };
        let names: Vec<String> = serde_json::from_str(text)
            .map_err(|_| StoreError::Damaged("the tenants of an operator cannot be read".into()))?;
        Ok(Self::Tenants(names))
    }

    pub(super) fn to_kept(&self) -> Option<String> {
        self.tenants().map(|names| json!(names).to_string())
    }
}

impl Operator {
    /// Whether they see this endpoint and may, as far as their role goes, work on it.
    pub fn sees(&self, endpoint: &Endpoint) -> bool {
        self.reach.covers(endpoint.tenant.as_deref())
    }
}

/// Limits an operator to the endpoints of some tenants, or lifts the limit, from the next request on.
///
/// # Errors
/// [`StoreError::Forbidden`], also to give more than one has; [`StoreError::Refused`] for an owner.
pub fn set_reach(
    tx: &mut Tx<'_>,
    named: &str,
    reach: &Reach,
    actor: &Actor,
    now: Millis,
) -> Result<Operator, StoreError> {
    let operator = manageable(tx, named, actor)?;
    if let Some(own) = account_of(tx, actor)?
        && !own.reach.includes(reach)
    {
        return Err(beyond(&own.reach));
    }
    if operator.role == Role::Owner && *reach != Reach::Everything {
        return Err(StoreError::refused(
            "an owner is not limited to tenants; give the account another role first",
        ));
    }
    if operator.reach == *reach {
        return Ok(operator);
    }
    diesel::update(operators::table.filter(operators::id.eq(&operator.id)))
        .set(operators::tenants.eq(reach.to_kept()))
        .execute(&mut **tx)?;
    tx.note(
        Note::new(actor, now, Action::OperatorTenants, &operator.name)
            .change(&json!({"tenants": operator.reach.tenants()}), &json!({"tenants": reach.tenants()})),
    );
    tx.registry_changed();
    Ok(Operator { reach: reach.clone(), ..operator })
}

/// What to say to somebody who reaches beyond their tenants.
pub(super) fn beyond(own: &Reach) -> StoreError {
    let names = own.tenants().unwrap_or_default().join("”, “");
    StoreError::Forbidden(format!("you are limited to the tenants “{names}”, and this is beyond them"))
}

/// Refuses an actor who may not make or have endpoints of this tenant.
pub(crate) fn check_tenant(conn: &mut Conn, actor: &Actor, tenant: Option<&str>) -> Result<(), StoreError> {
    match account_of(conn, actor)? {
        Some(own) if !own.reach.covers(tenant) => {
            let names = own.reach.tenants().unwrap_or_default().join("”, “");
            Err(StoreError::invalid(
                "/tenant",
                format!("you are limited to tenants; the endpoint must be of one of them: “{names}”"),
            ))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::Reach;

    fn of(names: &[&str]) -> Reach {
        Reach::to_tenants(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn tenants_are_compared_as_they_are_elsewhere() {
        let reach = of(&[" Acme ", "ACME", "Straße"]);
        assert_eq!(reach.tenants().unwrap(), ["Acme", "Straße"]);
        assert!(reach.covers(Some("acme")) && reach.covers(Some("STRASSE")));
        assert!(!reach.covers(Some("Acme Ltd")) && !reach.covers(None));
        assert!(of(&[]).covers(None) && of(&[]).covers(Some("anybody")));
    }

    #[test]
    fn nobody_gives_more_than_they_have() {
        assert!(of(&[]).includes(&of(&["a"])) && !of(&["a"]).includes(&of(&[])));
        assert!(of(&["a", "b"]).includes(&of(&["B"])) && !of(&["a"]).includes(&of(&["a", "b"])));
        assert!(Reach::to_tenants(&["\n".to_owned()]).is_err());
    }
}
