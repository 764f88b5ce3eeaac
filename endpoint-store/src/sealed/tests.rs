#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first surprise")]

use std::path::Path;

use super::*;

fn beside(folder: &Path) -> Keyring {
    Keyring::new(KeySource::Default, &DatabaseUrl::Sqlite(folder.join("scim.db")))
}

fn refusal<T>(outcome: Result<T, StoreError>) -> String {
    match outcome {
        Err(StoreError::Refused(sentence)) => sentence,
        Err(other) => format!("another error: {other}"),
        Ok(_) => "no error".into(),
    }
}

#[test]
fn what_is_sealed_opens_in_its_place_only() {
    let folder = tempfile::tempdir().unwrap();
    let keyring = beside(folder.path());
    let sealed = keyring.seal("target:e:1", b"hunter2").unwrap();
    assert!(!sealed.as_str().contains("hunter2"));
    let kept = Sealed::from_kept(sealed.as_str()).unwrap();
    assert_eq!(keyring.open("target:e:1", &kept).unwrap().reveal(), b"hunter2");
    assert!(refusal(keyring.open("target:e:2", &kept)).contains(kept.key_id()));
    assert_ne!(keyring.seal("target:e:1", b"hunter2").unwrap().as_str(), sealed.as_str());
}

#[test]
fn changed_text_is_told_from_a_missing_key() {
    let folder = tempfile::tempdir().unwrap();
    let keyring = beside(folder.path());
    let sealed = keyring.seal("c", b"secret").unwrap();
    for damaged in ["", "s1", "s1.abc", "s2.abc.AAAA", "s1.abc.AAAA", "s1.abc.*", "s1.a.b.c"] {
        assert!(matches!(Sealed::from_kept(damaged), Err(StoreError::Damaged(_))), "{damaged}");
    }
    let other = sealed.as_str().replace(sealed.key_id(), "00000000");
    let sentence = refusal(keyring.open("c", &Sealed::from_kept(&other).unwrap()));
    assert!(sentence.contains("the key `00000000`") && sentence.contains("scim.db.key"), "{sentence}");
    let mut changed = sealed.as_str().to_owned();
    let last = changed.pop().unwrap();
    // Two characters whose bits all count, whatever the length.
    changed.truncate(changed.len() - 1);
    changed.push_str(if last == 'A' { "BB" } else { "AA" });
    assert!(
        Sealed::from_kept(&changed).is_err()
            || keyring.open("c", &Sealed::from_kept(&changed).unwrap()).is_err()
    );
}

#[test]
fn the_default_file_is_made_at_first_need_and_for_its_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("scim.db.key");
    let keyring = beside(folder.path());
    keyring.check().unwrap();
    assert!(!file.exists());
    let sealed = keyring.seal("c", b"secret").unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    // Another process reads the same file.
    assert_eq!(beside(folder.path()).open("c", &sealed).unwrap().reveal(), b"secret");
    std::fs::remove_file(&file).unwrap();
    assert!(refusal(keyring.open("c", &sealed)).contains(sealed.key_id()));
}

#[test]
fn postgres_without_a_key_refuses_to_seal_and_says_what_to_set() {
    let url: DatabaseUrl = "postgres://u@h/d".parse().unwrap();
    let keyring = Keyring::new(KeySource::Default, &url);
    keyring.check().unwrap();
    let sentence = refusal(keyring.seal("c", b"secret"));
    assert!(sentence.contains("SCIM_KEY_FILE"), "{sentence}");
}

#[test]
fn keys_are_replaced_while_servers_run() {
    let folder = tempfile::tempdir().unwrap();
    let (server, command) = (beside(folder.path()), beside(folder.path()));
    let before = server.seal("c", b"secret").unwrap();
    let id = command.add_key().unwrap();
    let after = server.seal("c", b"secret").unwrap();
    assert_eq!(after.key_id(), id);
    assert_ne!(before.key_id(), id);
    for sealed in [&before, &after] {
        assert_eq!(server.open("c", sealed).unwrap().reveal(), b"secret");
    }
}

#[test]
fn keys_are_read_as_they_are_written() {
    let hex = "00".repeat(32);
    let base64 = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
    let source = KeySource::from_text(&format!("{base64}, {hex}")).expect("two keys");
    assert_eq!(format!("{source} {source:?}"), "SCIM_KEY SCIM_KEY");
    let url: DatabaseUrl = "postgres://u@h/d".parse().unwrap();
    let first = Keyring::new(source, &url).seal("c", b"x").unwrap();
    let turned = Keyring::new(KeySource::from_text(&format!("{hex}\n{base64}")).unwrap(), &url);
    assert_ne!(turned.seal("c", b"x").unwrap().key_id(), first.key_id());
    assert_eq!(turned.open("c", &first).unwrap().reveal(), b"x");
    for wrong in ["", "short", "# only a comment", &"0".repeat(63), &format!("{hex}00")] {
        let error = KeySource::from_text(wrong).unwrap_err();
        assert!(wrong.is_empty() || !error.contains(wrong), "{error}");
    }
    assert!(refusal(turned.add_key()).contains("rekey"));
}

#[test]
fn a_configured_file_must_be_there() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys");
    let url = DatabaseUrl::Sqlite(folder.path().join("scim.db"));
    let keyring = Keyring::new(KeySource::File(file.clone()), &url);
    assert!(refusal(keyring.check()).contains("cannot be read"));
    assert!(refusal(keyring.seal("c", b"x")).contains("cannot be read"));
    std::fs::write(&file, "nonsense\n").unwrap();
    let sentence = refusal(keyring.check());
    assert!(sentence.contains("line 1 is no key") && !sentence.contains("nonsense"), "{sentence}");
}
