//! Where sealed secrets are kept: what `rekey` seals anew and `check` tries to open.
//!
//! A column of sealed text has a name that ends in `_sealed`, and one line in [`PLACES`]; a test compares both.

use super::{Keyring, Sealed};
use crate::Store;
use crate::audit::{Action, Note};
use crate::caller::Actor;
use crate::conn::Conn;
use crate::error::StoreError;
use crate::ids::Millis;
use crate::writer::Tx;

/// Secrets that are sealed anew in one write.
const PORTION: usize = 100;

/// One column.
pub(crate) struct Place {
    #[cfg_attr(not(test), expect(dead_code, reason = "the test asks whether every column is here"))]
    table: &'static str,
    #[cfg_attr(not(test), expect(dead_code, reason = "the test asks whether every column is here"))]
    column: &'static str,
    /// What is kept there, for people: "the password of a target".
    what: &'static str,
    list: fn(&mut Conn) -> Result<Vec<Kept>, StoreError>,
    /// False when it is no longer the same.
    replace: fn(&mut Tx<'_>, &Kept, &Sealed) -> Result<bool, StoreError>,
}

/// One secret in its place.
#[derive(Clone)]
pub(crate) struct Kept {
    key: Vec<String>,
    context: String,
    sealed: String,
}

/// `place!(targets.password_sealed by (endpoint_id, id): "target", "the password of a target")`: the context of a secret
/// is the word and the row's key, with colons between.
macro_rules! place {
    ($table:ident.$column:ident by ($($key:ident),+): $word:literal, $what:literal) => {
        Place {
            table: stringify!($table),
            column: stringify!($column),
            what: $what,
            list: |conn| {
                use diesel::prelude::*;
                use crate::schema::$table;
                let rows = $table::table
                    .filter($table::$column.is_not_null())
                    .select((($($table::$key,)+), $table::$column.nullable()))
                    .load::<(($(text_of!($key),)+), Option<String>)>(conn)?;
                let rows = rows.into_iter().filter_map(|(($($key,)+), sealed)| {
                    let key: Vec<String> = vec![$($key),+];
                    Some(Kept { context: format!("{}:{}", $word, key.join(":")), key, sealed: sealed? })
                });
                Ok(rows.collect())
            },
            replace: |tx, kept, sealed| {
                use diesel::prelude::*;
                use crate::schema::$table;
                let mut key = kept.key.iter();
                let row = $table::table
                    $(.filter($table::$key.eq(key.next().cloned().unwrap_or_default())))+
                    .filter($table::$column.eq(&kept.sealed));
                let changed =
                    diesel::update(row).set($table::$column.eq(sealed.as_str())).execute(&mut **tx)?;
                Ok(changed > 0)
            },
        }
    };
}

/// The type of every part of a key.
macro_rules! text_of {
    ($column:ident) => {
        String
    };
}

/// Every column of sealed text.
pub(crate) const PLACES: &[Place] = &[
    place!(operators.totp_sealed by (id): "operator", "the second factor of an operator"),
    place!(targets.secret_sealed by (endpoint_id, id): "target", "the password or token of a target"),
    place!(webhook_secrets.secret_sealed by (webhook_id, id): "webhook", "the secret of a webhook"),
];

/// What came of sealing everything anew.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rekeyed {
    /// Secrets that are sealed with the first key now and were not before.
    pub resealed: usize,
    /// Secrets that were already.
    pub already: usize,
    /// A sentence for each that could not be opened; it stays as it was.
    pub failed: Vec<String>,
}

/// Seals everything anew that is not sealed with the first key, a little at a time and while servers go on.
///
/// # Errors
/// As [`Store::write`], and [`StoreError::Refused`] when there is something to seal and no key.
pub async fn rekey(store: &Store, actor: &Actor, now: Millis) -> Result<Rekeyed, StoreError> {
    let outcome = reseal(store, PLACES).await?;
    let (actor, count) = (actor.clone(), outcome.resealed);
    let note = move |tx: &mut Tx<'_>| {
        let after = serde_json::json!({ "resealed": count });
        tx.note(Note::new(&actor, now, Action::KeysReplace, "sealed secrets").after(after));
        Ok(())
    };
    store.write(note).await?;
    Ok(outcome)
}

async fn reseal(store: &Store, places: &'static [Place]) -> Result<Rekeyed, StoreError> {
    let mut outcome = Rekeyed::default();
    for place in places {
        let all = store.read(place.list).await?;
        for some in all.chunks(PORTION) {
            let mut changes = Vec::new();
            for kept in some {
                match anew(store.keyring(), kept) {
                    Ok(Some(sealed)) => changes.push((kept.clone(), sealed)),
                    Ok(None) => outcome.already += 1,
                    Err(error) => outcome.failed.push(place.sentence(kept, &error)),
                }
            }
            let replace = place.replace;
            let replaced = store.write(move |tx| {
                let done = changes.iter().map(|(kept, sealed)| replace(tx, kept, sealed));
                // What was set anew in the meantime is sealed with the first key already.
                Ok(done.collect::<Result<Vec<bool>, _>>()?.into_iter().filter(|done| *done).count())
            });
            outcome.resealed += replaced.await?;
        }
    }
    Ok(outcome)
}

fn anew(keyring: &Keyring, kept: &Kept) -> Result<Option<Sealed>, StoreError> {
    let sealed = Sealed::from_kept(&kept.sealed)?;
    let keys = keyring.keys(false)?;
    if keys.first()?.id() == sealed.key_id() {
        return Ok(None);
    }
    let plain = keyring.open(&kept.context, &sealed)?;
    keys.seal(&kept.context, plain.reveal()).map(Some)
}

/// A sentence for each secret that does not open with the present keys; empty when all do.
///
/// # Errors
/// As [`Store::read`].
pub fn unopened(conn: &mut Conn, keyring: &Keyring) -> Result<Vec<String>, StoreError> {
    let mut sentences = Vec::new();
    for place in PLACES {
        for kept in (place.list)(conn)? {
            let opened =
                Sealed::from_kept(&kept.sealed).and_then(|sealed| keyring.open(&kept.context, &sealed));
            if let Err(error) = opened {
                sentences.push(place.sentence(&kept, &error));
            }
        }
    }
    Ok(sentences)
}

impl Place {
    fn sentence(&self, kept: &Kept, error: &StoreError) -> String {
        format!("{} ({}): {error}", self.what, kept.context)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use std::collections::BTreeSet;

    use diesel::prelude::*;

    use super::*;
    use crate::conn::DatabaseUrl;

    /// Who adds a sealed column and not its place would lose it when the old key goes.
    #[test]
    fn every_sealed_column_is_resealed() {
        #[derive(QueryableByName)]
        struct Column {
            #[diesel(sql_type = diesel::sql_types::Text)]
            name: String,
        }
        let folder = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::Sqlite(folder.path().join("scim.db"));
        let mut conn = crate::conn::open(&url).unwrap();
        crate::migrate::migrate(&mut conn).unwrap();
        let sql = "SELECT t.name || '.' || c.name AS name FROM sqlite_master t JOIN pragma_table_info(t.name) c \
                   WHERE t.type = 'table' AND c.name LIKE '%\\_sealed' ESCAPE '\\'";
        let there = diesel::sql_query(sql).load::<Column>(&mut conn).unwrap();
        let there: BTreeSet<String> = there.into_iter().map(|column| column.name).collect();
        let known: BTreeSet<String> = PLACES.iter().map(|p| format!("{}.{}", p.table, p.column)).collect();
        assert_eq!(known, there);
        for place in PLACES {
            assert!((place.list)(&mut conn).unwrap().is_empty());
        }
    }

    /// A column of text that is there for something else stands in for one of sealed text.
    const PLACE: &[Place] = &[place!(leases.holder by (name): "lease", "the holder of a lease")];

    #[tokio::test]
    async fn everything_is_sealed_with_the_first_key_and_what_does_not_open_is_named() {
        use crate::schema::leases;
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&DatabaseUrl::Sqlite(folder.path().join("scim.db"))).unwrap();
        let former = store.keyring().seal("lease:a", b"secret").unwrap();
        let elsewhere = store.keyring().seal("lease:c", b"secret").unwrap();
        let newer = store.keyring().add_key().unwrap();
        let present = store.keyring().seal("lease:d", b"secret").unwrap();
        let rows = [("a", former), ("b", elsewhere.clone()), ("d", present)];
        store
            .write(move |tx| {
                for (name, sealed) in &rows {
                    let row =
                        (leases::name.eq(name), leases::holder.eq(sealed.as_str()), leases::until.eq(0));
                    diesel::insert_into(leases::table).values(row).execute(&mut **tx)?;
                }
                Ok(())
            })
            .await
            .unwrap();
        let done = reseal(&store, PLACE).await.unwrap();
        assert_eq!((done.resealed, done.already, done.failed.len()), (1, 1, 1));
        let sentence = done.failed.first().unwrap();
        assert!(sentence.starts_with("the holder of a lease (lease:b): "), "{sentence}");
        let kept: Vec<(String, String)> = store
            .read(|conn| {
                Ok(leases::table.order(leases::name).select((leases::name, leases::holder)).load(conn)?)
            })
            .await
            .unwrap();
        for (name, text) in kept {
            let sealed = Sealed::from_kept(&text).unwrap();
            let opened = store.keyring().open(&format!("lease:{name}"), &sealed);
            if name == "b" {
                assert!(opened.is_err() && sealed == elsewhere, "what does not open stays as it was");
            } else {
                assert_eq!(sealed.key_id(), newer, "{name}");
                assert_eq!(opened.unwrap().reveal(), b"secret");
            }
        }
        let done = reseal(&store, PLACE).await.unwrap();
        assert_eq!((done.resealed, done.already, done.failed.len()), (0, 2, 1));
    }
}
