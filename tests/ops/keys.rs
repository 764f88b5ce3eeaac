//! Keys for secrets that must be read again: where they come from, and how they are replaced.

use crate::support::app::KEY;
use crate::support::program::{Server, run};

#[test]
fn a_key_is_added_to_the_file_and_never_printed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys");
    std::fs::write(&file, format!("{KEY}\n")).unwrap();
    let arguments = ["rekey", "--new-key", "--json", "--key-file", "keys"];
    let done = run(folder.path(), &arguments).json();
    assert_eq!((&done["resealed"], &done["failed"]), (&0.into(), &serde_json::json!([])));
    let text = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines.len(), lines[1]), (2, KEY));
    assert!(!done.to_string().contains(lines[0]), "{done}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn wrong_keys_are_refused_with_their_place_and_not_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let sentence = run(folder.path(), &["rekey", "--key-file", "nowhere"]).refused().to_owned();
    assert!(sentence.contains("nowhere") && sentence.contains("cannot be read"), "{sentence}");
    std::fs::write(folder.path().join("keys"), "not-a-key").unwrap();
    let sentence = run(folder.path(), &["rekey", "--key-file", "keys"]).refused().to_owned();
    assert!(sentence.contains("line 1 is no key") && !sentence.contains("not-a-key"), "{sentence}");
    let sentence = run(folder.path(), &["serve", "--key-file", "keys", "--listen", "127.0.0.1:0"]);
    assert!(sentence.refused().contains("the key file keys"), "{sentence:?}");
}

#[tokio::test]
async fn a_server_starts_without_a_key_and_makes_none_before_it_is_needed() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &["--database", "sqlite:scim.db"]).await;
    assert!(!folder.path().join("scim.db.key").exists());
    drop(server);
}
