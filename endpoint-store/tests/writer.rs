//! The writer survives what goes wrong in a write: nothing of it stays, and everybody else goes on.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, and one write must panic")]

use endpoint_store::caller::Actor;
use endpoint_store::endpoints::{self, NewEndpoint};
use endpoint_store::settings::Idp;
use endpoint_store::{DatabaseUrl, Store, StoreError};

fn named(name: &str) -> NewEndpoint {
    NewEndpoint::new(name, Idp::Generic)
}

async fn count(store: &Store) -> i64 {
    store.read(|conn| endpoints::list(conn, "", false, 0, 100)).await.unwrap().1
}

fn open(folder: &tempfile::TempDir) -> Store {
    Store::open(&DatabaseUrl::Sqlite(folder.path().join("scim.db"))).unwrap()
}

#[tokio::test]
async fn a_panic_leaves_nothing_and_the_next_write_works() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    for round in 0..3 {
        let panicked = store.write(move |tx| -> Result<(), StoreError> {
            endpoints::create(tx, &named("gone"), &Actor::cli(), 0)?;
            panic!("on purpose, {round}");
        });
        assert!(matches!(panicked.await, Err(StoreError::Unavailable(_))));
        store.ready().await.unwrap();
        store.write(|tx| endpoints::create(tx, &named("kept"), &Actor::cli(), 0)).await.unwrap();
    }
    assert_eq!(count(&store).await, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_of_the_database_undoes_its_batch_and_acknowledges_nothing_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let writes: Vec<_> = (0..60)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                let write = store.write(move |tx| {
                    endpoints::create(tx, &named(&format!("endpoint {n}")), &Actor::cli(), 0)?;
                    if n % 7 == 3 { Err(StoreError::Damaged("on purpose".into())) } else { Ok(()) }
                });
                write.await.is_ok()
            })
        })
        .collect();
    let mut acknowledged = 0;
    for write in writes {
        acknowledged += i64::from(write.await.unwrap());
    }
    assert_eq!(count(&store).await, acknowledged, "exactly what was acknowledged is there");
    store.write(|tx| endpoints::create(tx, &named("after"), &Actor::cli(), 0)).await.unwrap();
}

#[tokio::test]
async fn a_refusal_undoes_itself_only() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let refused = store.write(|tx| {
        endpoints::create(tx, &named("half"), &Actor::cli(), 0)?;
        endpoints::create(tx, &named("---"), &Actor::cli(), 0)
    });
    assert!(matches!(refused.await, Err(StoreError::Invalid { .. })));
    assert_eq!(count(&store).await, 0);
}

#[tokio::test]
async fn what_is_queued_is_written_before_the_store_closes_and_nothing_later() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let queued = {
        let store = store.clone();
        tokio::spawn(async move {
            store.write(|tx| endpoints::create(tx, &named("queued"), &Actor::cli(), 0)).await.is_ok()
        })
    };
    tokio::task::yield_now().await;
    store.close().await;
    let late = store.write(|tx| endpoints::create(tx, &named("late"), &Actor::cli(), 0)).await;
    assert!(matches!(late, Err(StoreError::Unavailable(_))));
    assert!(store.read(|conn| endpoints::list(conn, "", false, 0, 100)).await.is_err());
    let acknowledged = i64::from(queued.await.unwrap());
    assert!(!folder.path().join("scim.db-wal").exists(), "the log was taken over");
    assert_eq!(count(&open(&folder)).await, acknowledged);
}

#[tokio::test]
async fn the_last_one_to_close_empties_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (open(&folder), open(&folder));
    one.write(|tx| endpoints::create(tx, &named("kept"), &Actor::cli(), 0)).await.unwrap();
    drop(one);
    assert!(folder.path().join("scim.db-wal").exists(), "another one has the database open");
    assert_eq!(count(&other).await, 1);
    drop(other);
    assert!(!folder.path().join("scim.db-wal").exists());
}

/// Whatever is written, the log stays near its bound, and readers see everything.
#[tokio::test]
async fn the_log_does_not_grow_without_end() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let long = "x".repeat(90);
    for round in 0..40 {
        let long = long.clone();
        let write = store.write(move |tx| {
            for n in 0..150 {
                endpoints::create(tx, &named(&format!("{round} {n} {long}")), &Actor::cli(), 0)?;
            }
            Ok(())
        });
        write.await.unwrap();
    }
    assert_eq!(count(&store).await, 40 * 150);
    let log = folder.path().join("scim.db-wal").metadata().unwrap().len();
    assert!(log < 100 << 20, "{log} bytes");
}
