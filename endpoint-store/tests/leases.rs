//! One server at a time has a job, and loses it when it is no longer heard of.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use endpoint_store::leases::{LENGTH, Portion, portion};
use endpoint_store::{DatabaseUrl, Store};

const NOW: i64 = 1_800_000_000_000;

async fn ask(store: &Store, holder: &'static str, now: i64, more: bool) -> Portion {
    store.write(move |tx| portion(tx, "job", holder, now, |_| Ok(more))).await.unwrap()
}

#[tokio::test]
async fn a_lease_is_one_servers_until_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&DatabaseUrl::Sqlite(folder.path().join("scim.db"))).unwrap();
    assert_eq!(ask(&store, "a", NOW, true).await, Portion::More);
    assert_eq!(ask(&store, "b", NOW + LENGTH - 1, true).await, Portion::Elsewhere);
    // It is renewed by every portion.
    assert_eq!(ask(&store, "a", NOW + LENGTH - 1, true).await, Portion::More);
    assert_eq!(ask(&store, "b", NOW + LENGTH, true).await, Portion::Elsewhere);
    assert_eq!(ask(&store, "b", NOW + 2 * LENGTH - 1, false).await, Portion::Done);
    assert_eq!(ask(&store, "a", NOW + 2 * LENGTH, true).await, Portion::Elsewhere);
    // Another job is another lease.
    let other = store.write(|tx| portion(tx, "other", "a", NOW, |_| Ok(true))).await.unwrap();
    assert_eq!(other, Portion::More);
}

#[tokio::test]
async fn a_portion_that_fails_leaves_nothing_not_even_the_lease() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&DatabaseUrl::Sqlite(folder.path().join("scim.db"))).unwrap();
    let failed = store
        .write(|tx| portion(tx, "job", "a", NOW, |_| Err(endpoint_store::StoreError::refused("on purpose"))));
    assert!(failed.await.is_err());
    assert_eq!(ask(&store, "b", NOW, false).await, Portion::Done);
}
