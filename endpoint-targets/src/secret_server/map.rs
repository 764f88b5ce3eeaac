//! What Secret Server calls things.

use endpoint_store::entropy;
use endpoint_store::targets::Options;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::remote::{Failure, Refusal, RemoteGroup, RemoteUser};

/// The domain of what is no directory's.
pub(super) const LOCAL: i64 = -1;

/// An id as text.
pub(super) fn id(value: &Value) -> Option<String> {
    value.as_i64().map(|number| number.to_string())
}

/// An id as the number that it wants.
pub(super) fn number(id: &str) -> Result<i64, Failure> {
    id.parse().map_err(|_| Failure::Refused(Refusal::Other, format!("`{id}` is no id of Secret Server")))
}

fn text(row: &Value, name: &str) -> Option<String> {
    row.get(name).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn flag(row: &Value, name: &str) -> Option<bool> {
    row.get(name).and_then(Value::as_bool)
}

/// A user; `own` is the login name of the account that we use ourselves.
pub(super) fn user(row: &Value, own: &str) -> Option<RemoteUser> {
    let login = text(row, "userName")?;
    let domain = row.get("domainId").and_then(Value::as_i64).unwrap_or(LOCAL);
    let source = text(row, "externalUserSource").unwrap_or_else(|| "None".to_owned());
    let owned = if flag(row, "isApplicationAccount") == Some(true)
        || flag(row, "platformServiceUser") == Some(true)
    {
        Some("an application account of Secret Server; it is left alone")
    } else if login.eq_ignore_ascii_case(own) && domain == LOCAL {
        Some("the account that is used for this connection; it is left alone")
    } else if domain != LOCAL || !matches!(source.as_str(), "None" | "ThycoticOne") {
        Some("a directory that Secret Server synchronises owns this account; it is left alone")
    } else {
        None
    };
    Some(RemoteUser {
        id: id(row.get("id")?)?,
        display_name: text(row, "displayName").unwrap_or_else(|| login.clone()),
        email: text(row, "emailAddress"),
        enabled: flag(row, "enabled").unwrap_or(true),
        owned: owned.map(str::to_owned),
        attributes: Value::Null,
        login,
    })
}

/// A group.
pub(super) fn group(row: &Value) -> Option<RemoteGroup> {
    let domain = row.get("domainId").and_then(Value::as_i64).unwrap_or(LOCAL);
    let owned = if flag(row, "synchronized") == Some(true)
        || domain != LOCAL
        || flag(row, "isPlatform") == Some(true)
    {
        Some("a directory that Secret Server synchronises owns this group; it is left alone")
    } else if flag(row, "systemGroup") == Some(true) || flag(row, "canEditMembers") == Some(false) {
        Some("a group of the system itself; it is left alone")
    } else {
        None
    };
    Some(RemoteGroup {
        id: id(row.get("id")?)?,
        name: text(row, "name")?,
        enabled: flag(row, "enabled").unwrap_or(true),
        owned: owned.map(str::to_owned),
    })
}

const LOWER: &[u8] = b"abcdefghijkmnopqrstuvwxyz";
const UPPER: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ";
const DIGITS: &[u8] = b"23456789";

/// A password for a new account: random, with at least one character of each class. It is sent once and kept nowhere.
pub(super) fn password(options: &Options) -> Zeroizing<String> {
    let mut classes: Vec<&[u8]> = vec![LOWER, UPPER, DIGITS];
    if !options.password_symbols.is_empty() {
        classes.push(options.password_symbols.as_bytes());
    }
    let all = Zeroizing::new(classes.concat());
    loop {
        let password: Zeroizing<String> =
            Zeroizing::new((0..options.password_length.max(8)).map(|_| char::from(pick(&all))).collect());
        // Thrown away until it fits, so that every one that fits is as likely.
        if classes.iter().all(|class| password.bytes().any(|byte| class.contains(&byte))) {
            return password;
        }
    }
}

/// One of them, each as likely.
fn pick(from: &[u8]) -> u8 {
    loop {
        let [byte] = entropy::<1>();
        let fair = 256 / from.len().max(1) * from.len();
        if usize::from(byte) < fair
            && let Some(chosen) = from.get(usize::from(byte) % from.len())
        {
            return *chosen;
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use serde_json::json;

    use super::*;

    #[test]
    fn a_password_has_every_class_and_its_length() {
        let options = Options { password_length: 8, ..Options::default() };
        for _ in 0..200 {
            let password = password(&options);
            assert_eq!(password.len(), 8);
            assert!(
                password.bytes().any(|b| b.is_ascii_uppercase())
                    && password.bytes().any(|b| b.is_ascii_digit())
            );
            assert!(
                password.bytes().any(|b| b.is_ascii_lowercase())
                    && password.bytes().any(|b| b.is_ascii_punctuation())
            );
        }
        let plain = Options { password_symbols: String::new(), ..options };
        assert!(password(&plain).bytes().all(|b| b.is_ascii_alphanumeric()));
        assert_ne!(*password(&plain), *password(&plain));
    }

    #[test]
    fn what_is_not_ours_is_told() {
        let row = |extra: Value| {
            let mut row = json!({"id": 5, "userName": "ann", "enabled": true});
            row.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            user(&row, "scimapp").unwrap()
        };
        assert_eq!(row(json!({})).owned, None);
        assert_eq!(row(json!({})).display_name, "ann");
        assert!(row(json!({"domainId": 3})).owned.unwrap().contains("directory"));
        assert!(row(json!({"isApplicationAccount": true})).owned.unwrap().contains("application"));
        assert!(row(json!({"userName": "ScimApp"})).owned.unwrap().contains("this connection"));
        let of = |extra: Value| {
            let mut row = json!({"id": 5, "name": "Ops"});
            row.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            group(&row).unwrap().owned
        };
        assert_eq!(of(json!({"domainId": -1, "synchronized": false})), None);
        assert!(of(json!({"synchronized": true})).is_some());
        assert!(of(json!({"systemGroup": true})).is_some());
    }
}
