#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::HashMap;

use super::*;

/// Loads with a settings file of this content, and these variables.
fn load(
    file: &str,
    variables: &[(&str, &str)],
    common: Common,
    flags: &ServeFlags,
) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("settings.toml");
    std::fs::write(&path, file).unwrap();
    let variables: HashMap<_, _> =
        variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let common = Common { config: Some(path), ..common };
    let loaded = Config::load(&common, flags, &|name| variables.get(name).cloned());
    // The folder is another one each time; the sentences are compared without it.
    let without = format!("{}/", folder.path().display());
    loaded.map_err(|error| ConfigError(error.0.replace(&without, "")))
}

fn refusal(file: &str, variables: &[(&str, &str)]) -> String {
    load(file, variables, Common::default(), &ServeFlags::default()).unwrap_err().to_string()
}

#[test]
fn defaults() {
    let config = load("", &[], Common::default(), &ServeFlags::default()).unwrap();
    assert_eq!(config.database.to_string(), "sqlite:data/scim.db");
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.console_listen, None);
    assert_eq!(config.tls, None);
    assert_eq!(config.rate, Some(50));
    assert_eq!((config.log.as_str(), config.log_format), ("info", LogFormat::Text));
    assert_eq!(config.base_url("a"), "http://127.0.0.1:8080/scim/a/v2");
}

#[test]
fn flag_wins_over_environment_over_file() {
    let file = "database = 'sqlite:file.db'\nlisten = '127.0.0.1:1'\nrate = 1\npublic_url = 'http://file'";
    let from_file = load(file, &[], Common::default(), &ServeFlags::default()).unwrap();
    assert_eq!(from_file.database.to_string(), "sqlite:file.db");
    assert_eq!((from_file.listen.port(), from_file.rate), (1, Some(1)));
    assert_eq!(from_file.base_url("a"), "http://file/scim/a/v2");

    let variables = [
        ("SCIM_DATABASE", "sqlite:env.db"),
        ("SCIM_LISTEN", "127.0.0.1:2"),
        ("SCIM_RATE", "unlimited"),
        ("SCIM_PUBLIC_URL", "http://env"),
    ];
    let from_env = load(file, &variables, Common::default(), &ServeFlags::default()).unwrap();
    assert_eq!(from_env.database.to_string(), "sqlite:env.db");
    assert_eq!((from_env.listen.port(), from_env.rate), (2, None));
    assert_eq!(from_env.public_url.as_deref(), Some("http://env"));

    let common = Common {
        database: Some("sqlite:flag.db".into()),
        public_url: Some("http://flag".into()),
        ..Common::default()
    };
    let flags =
        ServeFlags { listen: "127.0.0.1:3".parse().ok(), rate: Some(Rate(Some(3))), ..ServeFlags::default() };
    let from_flag = load(file, &variables, common, &flags).unwrap();
    assert_eq!(from_flag.database.to_string(), "sqlite:flag.db");
    assert_eq!((from_flag.listen.port(), from_flag.rate), (3, Some(3)));
    assert_eq!(from_flag.public_url.as_deref(), Some("http://flag"));
}

#[test]
fn keys_come_from_a_file_or_from_the_environment_and_are_not_repeated() {
    let key = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
    let source = |file: &str, variables: &[(&str, &str)]| {
        load(file, variables, Common::default(), &ServeFlags::default()).unwrap().keys.to_string()
    };
    assert_eq!(source("key_file = 'a'", &[]), "the key file a");
    assert_eq!(source("key_file = 'a'", &[("SCIM_KEY_FILE", "b")]), "the key file b");
    assert_eq!(source("key_file = 'a'", &[("SCIM_KEY", key)]), "SCIM_KEY");
    let common = Common { key_file: Some("c".into()), ..Common::default() };
    let config = load("", &[("SCIM_KEY", key)], common, &ServeFlags::default()).unwrap();
    assert_eq!(format!("{:?}", config.keys), "the key file c");
    assert!(refusal("", &[("SCIM_KEY", key), ("SCIM_KEY_FILE", "b")]).contains("both set"));
    let sentence = refusal("", &[("SCIM_KEY", "c2VjcmV0")]);
    assert!(
        sentence.starts_with("SCIM_KEY: line 1 is no key") && !sentence.contains("c2VjcmV0"),
        "{sentence}"
    );
}

#[test]
fn an_empty_variable_is_not_set() {
    let config = load("rate = 7", &[("SCIM_RATE", "")], Common::default(), &ServeFlags::default()).unwrap();
    assert_eq!(config.rate, Some(7));
}

#[test]
fn the_file_may_be_named_by_the_environment_and_must_then_exist() {
    let flags = ServeFlags::default();
    let named = |name: &str| (name == "SCIM_CONFIG").then(|| "/nowhere/at/all.toml".to_owned());
    let error = Config::load(&Common::default(), &flags, &named).unwrap_err().to_string();
    assert_eq!(error, "the settings file /nowhere/at/all.toml cannot be read: No such file or directory");
    assert!(Config::load(&Common::default(), &flags, &|_| None).is_ok());
}

#[test]
fn mistakes_in_the_file_are_named_with_their_line() {
    let unknown = refusal("rate = 5\nlissten = '127.0.0.1:1'", &[]);
    assert!(
        unknown.starts_with("settings.toml, line 2: unknown field `lissten`, expected one of"),
        "{unknown}"
    );
    assert!(refusal("rate = [", &[]).starts_with("settings.toml, line 1: "));
    assert!(refusal("\nlisten = 8080", &[]).starts_with("settings.toml, line 2: invalid type"));
    assert_eq!(
        refusal("rate = 0", &[]),
        "rate in settings.toml: `0` is no rate; write whole requests per second from 1 to 100000, or `unlimited`"
    );
}

#[test]
fn mistakes_in_the_environment_are_named() {
    let listen = refusal("", &[("SCIM_LISTEN", "localhost")]);
    assert!(listen.starts_with("SCIM_LISTEN: `localhost` is no address;"), "{listen}");
    let format = refusal("", &[("SCIM_LOG_FORMAT", "xml")]);
    assert_eq!(format, "SCIM_LOG_FORMAT: `xml` is no log format; it is `text` or `json`");
}

#[test]
fn other_databases_are_refused_without_repeating_a_password() {
    let sentence = refusal("", &[("SCIM_DATABASE", "mysql://root:hunter2@db/scim")]);
    assert_eq!(sentence, "SCIM_DATABASE: a database is named sqlite:PATH or postgres://USER@HOST/NAME");
    let common = Common { database: Some("data/scim.db".into()), ..Common::default() };
    assert!(load("", &[], common, &ServeFlags::default()).is_err());
}

#[test]
fn tls_needs_both_files() {
    assert!(refusal("tls_cert = 'c'", &[]).contains("--tls-key"));
    assert!(refusal("", &[("SCIM_TLS_KEY", "k")]).contains("--tls-cert"));
    let both = load("tls_cert = 'c'", &[("SCIM_TLS_KEY", "k")], Common::default(), &ServeFlags::default());
    let both = both.unwrap();
    assert_eq!(both.tls, Some(Tls { cert: "c".into(), key: "k".into() }));
    assert_eq!(both.base_url("a"), "https://127.0.0.1:8080/scim/a/v2");
}

#[test]
fn public_urls_have_a_scheme_and_no_slash_at_the_end() {
    for good in ["http://127.0.0.1:8080", "https://scim.example.com", "https://example.com/identity"] {
        assert_eq!(public_url(good).as_deref(), Ok(good));
    }
    for bad in [
        "",
        "example.com",
        "ftp://example.com",
        "https://",
        "https:///a",
        "https://a/",
        "https://a?b",
        "https://u:p@a",
        "https://a b",
    ] {
        assert!(public_url(bad).is_err(), "{bad}");
    }
}

#[test]
fn an_address_for_everybody_is_handed_out_as_one_that_can_be_called() {
    let config = |listen: &str| {
        load(&format!("listen = '{listen}'"), &[], Common::default(), &ServeFlags::default()).unwrap()
    };
    assert_eq!(config("0.0.0.0:80").base_url("a"), "http://127.0.0.1:80/scim/a/v2");
    assert_eq!(config("[::]:80").base_url("a"), "http://[::1]:80/scim/a/v2");
    let bound = SocketAddr::from(([127, 0, 0, 1], 4711));
    assert_eq!(config("127.0.0.1:0").public_url_at(bound), "http://127.0.0.1:4711");
}

#[test]
fn webhooks_stay_outside_unless_told_otherwise() {
    let allowed = |file: &str, variables: &[(&str, &str)]| {
        load(file, variables, Common::default(), &ServeFlags::default()).unwrap().webhook_allow_private
    };
    assert!(!allowed("", &[]));
    assert!(!allowed("", &[("SCIM_WEBHOOK_ALLOW_PRIVATE", "")]));
    assert!(allowed("", &[("SCIM_WEBHOOK_ALLOW_PRIVATE", "true")]));
    assert!(allowed("webhook_allow_private = true", &[]));
    assert!(!allowed("webhook_allow_private = true", &[("SCIM_WEBHOOK_ALLOW_PRIVATE", "false")]));
    let refused = refusal("", &[("SCIM_WEBHOOK_ALLOW_PRIVATE", "perhaps")]);
    assert_eq!(refused, "SCIM_WEBHOOK_ALLOW_PRIVATE: `perhaps` is neither `true` nor `false`");
}
