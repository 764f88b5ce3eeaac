//! The whole directory of an endpoint as it is at one moment, with the cursor of that moment: a first sync.
//!
//! Everything is read in one transaction that sees one state of the database (SQLite: a read transaction; PostgreSQL:
//! `REPEATABLE READ`), the number of the last change first. A change is either in that state, and then its number is not
//! behind the cursor, or it is not, and then the feed tells it from the cursor on: both are written by one transaction. The
//! connection is the snapshot's own, so that a slow reader takes none from the others; how many there are, and for how
//! long, is bounded.

use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::prelude::*;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::cursor::Cursor;
use super::events::shown;
use crate::conn::{self, Conn, DatabaseUrl};
use crate::dialect;
use crate::endpoints::{Endpoint, EndpointId};
use crate::error::StoreError;
use crate::schema::{members, resources};

/// Snapshots that one process makes at the same time.
pub const AT_ONCE: usize = 2;
/// Rows that are read and handed on at once.
const PORTION: i64 = 500;
/// After this long a snapshot is broken off: it keeps the database from tidying up behind it.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// A part of a snapshot; they come in this order.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// Where the feed goes on.
    Cursor(Cursor),
    /// Some of the resources.
    Resources(Vec<Resource>),
    /// Some of the members of one group.
    Members {
        /// The group.
        group: String,
        /// Who is in it.
        members: Vec<String>,
    },
    /// All has been told; what ends without this is not whole.
    End {
        /// How many resources there were.
        resources: u64,
        /// How many memberships.
        memberships: u64,
    },
}

/// A resource in a snapshot.
#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    /// Its id.
    pub id: String,
    /// `User`, `Group`, …
    pub resource_type: String,
    /// Its name.
    pub name: String,
    /// Hidden from SCIM by the delete policy.
    pub hidden: bool,
    /// Its attributes, but those that nobody may see.
    pub attributes: serde_json::Value,
}

/// Begins one in the background; it is made as fast as it is taken, and broken off when nobody takes it any more.
pub(crate) fn start(
    url: DatabaseUrl,
    endpoint: Arc<Endpoint>,
    permit: OwnedSemaphorePermit,
) -> Receiver<Result<Part, StoreError>> {
    let (sender, receiver) = channel(2);
    tokio::task::spawn_blocking(move || {
        let _held = permit;
        let made = conn::open(&url).and_then(|mut conn| {
            dialect::begin_snapshot(&mut conn)?;
            let made = tell(&mut conn, &endpoint, &sender);
            dialect::rollback(&mut conn);
            made
        });
        if let Err(error) = made {
            let _ = sender.blocking_send(Err(error));
        }
    });
    receiver
}

struct Telling<'a> {
    sender: &'a Sender<Result<Part, StoreError>>,
    begun: Instant,
}

impl Telling<'_> {
    fn send(&self, part: Part) -> Result<(), StoreError> {
        let gone = |why: &str| StoreError::Unavailable(why.into());
        if self.begun.elapsed() > LONGEST {
            return Err(gone("the snapshot took too long to be read"));
        }
        self.sender.blocking_send(Ok(part)).map_err(|_| gone("nobody reads the snapshot any more"))
    }
}

fn tell(
    conn: &mut Conn,
    endpoint: &Endpoint,
    sender: &Sender<Result<Part, StoreError>>,
) -> Result<(), StoreError> {
    let telling = Telling { sender, begun: Instant::now() };
    telling.send(Part::Cursor(super::end(conn, &endpoint.id)?))?;
    let resources = tell_resources(conn, endpoint, &telling)?;
    let memberships = tell_members(conn, &endpoint.id, &telling)?;
    telling.send(Part::End { resources, memberships })
}

fn tell_resources(conn: &mut Conn, endpoint: &Endpoint, telling: &Telling<'_>) -> Result<u64, StoreError> {
    type Row = (String, String, String, bool, String);
    let (mut after, mut total) = (String::new(), 0);
    loop {
        let rows: Vec<Row> = resources::table
            .filter(resources::endpoint_id.eq(endpoint.id.as_str()))
            .filter(resources::id.gt(&after))
            .order(resources::id)
            .limit(PORTION)
            .select((
                resources::id,
                resources::resource_type,
                resources::name,
                resources::hidden,
                resources::body,
            ))
            .load(conn)?;
        let Some(last) = rows.last() else { return Ok(total) };
        after = last.0.clone();
        total += u64::try_from(rows.len()).unwrap_or_default();
        let portion = rows.into_iter().map(|row| resource(endpoint, row)).collect::<Result<_, _>>()?;
        telling.send(Part::Resources(portion))?;
    }
}

fn resource(
    endpoint: &Endpoint,
    (id, resource_type, name, hidden, body): (String, String, String, bool, String),
) -> Result<Resource, StoreError> {
    let attributes = serde_json::from_str(&body)
        .map_err(|e| StoreError::Damaged(format!("resource {id} cannot be read: {e}")))?;
    let rt = endpoint.catalog.by_name(&resource_type).map(AsRef::as_ref);
    let attributes = shown(rt, &attributes);
    Ok(Resource { id, resource_type, name, hidden, attributes })
}

fn tell_members(conn: &mut Conn, endpoint: &EndpointId, telling: &Telling<'_>) -> Result<u64, StoreError> {
    let (mut after, mut total) = ((String::new(), String::new()), 0);
    loop {
        let (group, member) = (after.0.clone(), after.1.clone());
        let behind = members::group_id.gt(group.clone());
        let within = members::group_id.eq(group).and(members::member_id.gt(member));
        let rows: Vec<(String, String)> = members::table
            .filter(members::endpoint_id.eq(endpoint.as_str()))
            .filter(behind.or(within))
            .order((members::group_id, members::member_id))
            .limit(PORTION)
            .select((members::group_id, members::member_id))
            .load(conn)?;
        let Some(last) = rows.last() else { return Ok(total) };
        after = last.clone();
        total += u64::try_from(rows.len()).unwrap_or_default();
        for some in rows.chunk_by(|a, b| a.0 == b.0) {
            let Some((group, _)) = some.first() else { continue };
            let members = some.iter().map(|(_, member)| member.clone()).collect();
            telling.send(Part::Members { group: group.clone(), members })?;
        }
    }
}
