//! Is what a database holds sound? Asked in plain SQL, and decided without a line of the store's own code: the directory is
//! made again from the change log alone, and must be the one that is kept.

use std::collections::{BTreeMap, BTreeSet};

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, PgConnection, QueryableByName, RunQueryDsl as _, SqliteConnection};
use serde_json::Value;

/// What one request left in the change log.
#[derive(Debug, Default)]
pub(super) struct Left {
    /// Change sets.
    pub(super) changes: usize,
}

/// A database that is sound, and what each request left in it.
pub(super) struct Sound {
    pub(super) requests: BTreeMap<String, Left>,
    pub(super) resources: usize,
    pub(super) changes: usize,
}

enum Sql {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = diesel::sql_types::Text)]
    line: String,
}

/// Between the columns of a line; JSON holds it only escaped.
const UNIT: char = '\u{1f}';

impl Sql {
    fn open(url: &str) -> Self {
        match url.strip_prefix("sqlite:") {
            Some(path) => Self::Sqlite(SqliteConnection::establish(path).unwrap()),
            None => Self::Postgres(PgConnection::establish(url).unwrap()),
        }
    }

    /// Rows as text, NULL as empty text.
    fn rows(&mut self, columns: &[&str], rest: &str) -> Vec<Vec<String>> {
        let columns: Vec<_> = columns.iter().map(|c| format!("COALESCE(CAST({c} AS TEXT), '')")).collect();
        let sql = format!("SELECT {} AS line FROM {rest}", columns.join(&format!(" || '{UNIT}' || ")));
        let lines: Vec<Line> = match self {
            Self::Sqlite(c) => diesel::sql_query(sql).load(c).unwrap(),
            Self::Postgres(c) => diesel::sql_query(sql).load(c).unwrap(),
        };
        lines.into_iter().map(|row| row.line.split(UNIT).map(str::to_owned).collect()).collect()
    }
}

type Of<T> = BTreeMap<(String, String), T>;

/// A resource as the change log tells it.
#[derive(Debug, Clone, PartialEq)]
struct Told {
    kind: String,
    version: i64,
    body: Value,
    members: BTreeSet<String>,
    there: bool,
}

/// Fails on everything that is not as it must be.
pub(super) fn sound(url: &str) -> Sound {
    let mut sql = Sql::open(url);
    if let Sql::Sqlite(c) = &mut sql {
        // Another program may have the file open.
        c.batch_execute("PRAGMA busy_timeout = 5000").unwrap();
        let said = sql.rows(&["integrity_check"], "pragma_integrity_check");
        assert_eq!(said, [["ok"]], "the file itself");
    }
    let (told, requests, changes) = told_by_changes(&mut sql);
    let kept = kept(&mut sql);
    let there: Of<Told> = told.into_iter().filter(|(_, told)| told.there).collect();
    for (key, resource) in &there {
        assert_eq!(kept.get(key), Some(resource), "{key:?}: kept (left) and told by the change log (right)");
    }
    assert_eq!(kept.len(), there.len(), "nothing is kept that the change log does not tell");
    check_counts(&mut sql, &kept);
    check_keys(&mut sql, &kept);
    Sound { requests, resources: kept.len(), changes }
}

fn told_by_changes(sql: &mut Sql) -> (Of<Told>, BTreeMap<String, Left>, usize) {
    let columns = [
        "endpoint_id",
        "seq",
        "request_id",
        "kind",
        "resource_type",
        "resource_id",
        "before",
        "after",
        "members",
    ];
    let rows = sql.rows(&columns, "changes ORDER BY endpoint_id, seq");
    let total = rows.len();
    let (mut told, mut requests) = (Of::<Told>::new(), BTreeMap::<String, Left>::new());
    let (mut last, mut concerned) = (BTreeMap::<String, i64>::new(), BTreeSet::new());
    for row in rows {
        let [endpoint, seq, request, kind, resource_type, id, before, after, members] = &row[..] else {
            panic!("{row:?}")
        };
        let number: i64 = seq.parse().unwrap();
        let previous = last.insert(endpoint.clone(), number).unwrap_or(0);
        assert_eq!(number, previous + 1, "the change log of {endpoint} has no gap");
        requests.entry(request.clone()).or_default().changes += 1;
        let (added, removed) = moved(members);
        concerned.insert((endpoint.clone(), id.clone(), number));
        concerned.extend(added.iter().chain(&removed).map(|one| (endpoint.clone(), one.clone(), number)));
        let known = told.remove(&(endpoint.clone(), id.clone()));
        let mut members = known.as_ref().map(|k| k.members.clone()).unwrap_or_default();
        assert!(
            added.is_disjoint(&members) && removed.is_subset(&members),
            "members of {id} in change {number}"
        );
        members.retain(|one| !removed.contains(one));
        members.extend(added);
        match (&known, kind.as_str()) {
            (None, "created") => assert_eq!(before, "", "nothing was there before change {number}"),
            (Some(k), "updated" | "deleted") if k.there => {
                assert_eq!(json(before), k.body, "before change {number}");
            }
            other => panic!("change {number} of {endpoint}: {other:?}"),
        }
        let now = Told {
            kind: resource_type.clone(),
            version: known.as_ref().map_or(0, |k| k.version) + 1,
            body: if after.is_empty() { Value::Null } else { json(after) },
            there: kind != "deleted",
            members,
        };
        assert!(now.there || now.members.is_empty(), "who is deleted has no members");
        told.insert((endpoint.clone(), id.clone()), now);
    }
    for row in sql.rows(&["endpoint_id", "last_change"], "endpoint_progress") {
        let known = last.get(&row[0]).copied().unwrap_or(0);
        assert_eq!(row[1], known.to_string(), "the last change of {}", row[0]);
    }
    let subjects = sql.rows(&["endpoint_id", "subject_id", "seq"], "change_subjects");
    let subjects: BTreeSet<_> = subjects
        .into_iter()
        .map(|row| (row[0].clone(), row[1].clone(), row[2].parse::<i64>().unwrap()))
        .collect();
    assert!(subjects == concerned, "whom changes concern");
    (told, requests, total)
}

fn moved(members: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    if members.is_empty() {
        return Default::default();
    }
    let members = json(members);
    let ids = |name: &str| {
        let list = members[name].as_array().into_iter().flatten();
        list.map(|id| id.as_str().unwrap().to_owned()).collect()
    };
    (ids("added"), ids("removed"))
}

fn kept(sql: &mut Sql) -> Of<Told> {
    let columns =
        ["endpoint_id", "id", "resource_type", "version", "CASE WHEN hidden THEN 1 ELSE 0 END", "body"];
    let mut kept: Of<Told> = BTreeMap::new();
    for row in sql.rows(&columns, "resources") {
        let [endpoint, id, kind, version, hidden, body] = &row[..] else { panic!("{row:?}") };
        assert_eq!(hidden, "0", "these endpoints remove what is deleted");
        let resource = Told {
            kind: kind.clone(),
            version: version.parse().unwrap(),
            body: json(body),
            members: BTreeSet::new(),
            there: true,
        };
        kept.insert((endpoint.clone(), id.clone()), resource);
    }
    for row in sql.rows(&["endpoint_id", "group_id", "member_id"], "members") {
        let member = (row[0].clone(), row[2].clone());
        assert!(kept.contains_key(&member), "the member {member:?} is there");
        let group = kept.get_mut(&(row[0].clone(), row[1].clone())).expect("the group is there");
        group.members.insert(row[2].clone());
    }
    kept
}

fn check_counts(sql: &mut Sql, kept: &Of<Told>) {
    let mut counted: BTreeMap<(String, String), i64> = BTreeMap::new();
    for ((endpoint, _), resource) in kept {
        *counted.entry((endpoint.clone(), resource.kind.clone())).or_default() += 1;
    }
    for row in sql.rows(&["endpoint_id", "resource_type", "visible", "hidden"], "resource_counts") {
        let real = counted.remove(&(row[0].clone(), row[1].clone())).unwrap_or(0);
        assert_eq!((row[2].as_str(), row[3].as_str()), (&*real.to_string(), "0"), "counters of {row:?}");
    }
    assert!(counted.is_empty(), "without counters: {counted:?}");
}

/// The keys of what the load writes: all of it is ASCII, so folding is lower case.
fn check_keys(sql: &mut Sql, kept: &Of<Told>) {
    let mut expected = BTreeSet::new();
    for ((endpoint, id), resource) in kept {
        let body = &resource.body;
        let mut values = vec![
            ("userName", body["userName"].as_str(), true),
            ("displayName", body["displayName"].as_str(), resource.kind == "Group"),
            ("externalId", body["externalId"].as_str(), false),
            ("name.givenName", body["name"]["givenName"].as_str(), false),
            ("name.familyName", body["name"]["familyName"].as_str(), false),
        ];
        let emails = body["emails"].as_array().into_iter().flatten();
        values.extend(emails.map(|email| ("emails.value", email["value"].as_str(), false)));
        for (attribute, value, unique) in values {
            let Some(value) = value else { continue };
            let value = if attribute == "externalId" { value.to_owned() } else { value.to_ascii_lowercase() };
            let unique = if unique { "1" } else { "0" };
            expected.insert([endpoint, id, attribute, &value, unique].map(str::to_owned).to_vec());
        }
    }
    let columns =
        ["endpoint_id", "resource_id", "attribute", "value_key", "CASE WHEN is_unique THEN 1 ELSE 0 END"];
    let found: BTreeSet<_> = sql.rows(&columns, "resource_keys").into_iter().collect();
    let differ: Vec<_> = found.symmetric_difference(&expected).take(5).collect();
    assert!(differ.is_empty(), "index keys and bodies differ: {differ:?}");
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// A check that sees nothing would pass everything: each of these wounds must be seen.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_check_sees_every_kind_of_damage() {
    use crate::support::app::App;
    use crate::support::backend::Backend;

    let app = App::furnished(Backend::Sqlite).await.unwrap();
    let scim = app.generic();
    let user = scim.user("somebody").await;
    scim.group("Everybody", &[user["id"].as_str().unwrap()]).await;
    scim.user("another").await;
    let database = app.stop().await;
    sound(&database.url);
    let wounds = [
        "DELETE FROM members",
        "DELETE FROM resource_keys WHERE attribute = 'emails.value'",
        "UPDATE resource_keys SET is_unique = 0",
        "UPDATE resource_counts SET visible = visible + 1",
        "UPDATE resources SET body = replace(body, 'Robert', 'Rupert')",
        "UPDATE resources SET version = version + 1",
        "DELETE FROM resources WHERE name = 'another'",
        "DELETE FROM changes WHERE seq = 2",
        "UPDATE endpoint_progress SET last_change = last_change + 1",
        "DELETE FROM change_subjects WHERE seq = 2",
        "UPDATE changes SET members = NULL",
    ];
    for (number, wound) in wounds.into_iter().enumerate() {
        let copy = database.folder.path().join(format!("wounded-{number}.db"));
        let Sql::Sqlite(mut whole) = Sql::open(&database.url) else { panic!("SQLite") };
        whole.batch_execute(&format!("VACUUM INTO '{}'", copy.display())).unwrap();
        let url = format!("sqlite:{}", copy.display());
        let Sql::Sqlite(mut connection) = Sql::open(&url) else { panic!("SQLite") };
        connection.batch_execute(wound).unwrap();
        drop(connection);
        assert!(std::panic::catch_unwind(|| sound(&url)).is_err(), "not seen: {wound}");
    }
}
