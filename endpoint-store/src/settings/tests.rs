#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

#[test]
fn what_is_shown_can_be_given_back() {
    let mut settings = Settings::preset(Idp::Okta);
    for (key, value) in [
        ("delete", "deactivate"),
        ("group-patch", "200"),
        ("rate", "17"),
        ("password", "refuse"),
        ("unknown-members", "refuse"),
        ("group-names", "free"),
        ("history", "30"),
        ("requests", "500"),
        ("silence", "36h"),
        ("dialect.boolean-text", "off"),
    ] {
        settings.set(key, value).unwrap();
    }
    let mut again = Settings::preset(Idp::Generic);
    for (key, value) in settings.entries() {
        again.set(&key, &value).unwrap();
    }
    assert_eq!(again, settings);
    let kept: Settings = serde_json::from_str(&serde_json::to_string(&settings).unwrap()).unwrap();
    assert_eq!(kept, settings);
    assert!(!settings.dialect(Idp::Okta).has(Rule::BooleanText));
}

#[test]
fn every_choice_is_taken_and_every_setting_is_a_choice() {
    let mut settings = Settings::preset(Idp::Okta);
    for choice in Settings::choices() {
        for word in choice.words {
            settings.set(&choice.key, word).unwrap();
        }
        if let Some((least, most)) = choice.numbers {
            settings.set(&choice.key, &least.to_string()).unwrap();
            settings.set(&choice.key, &most.to_string()).unwrap();
            assert!(settings.set(&choice.key, &(least - 1).to_string()).is_err());
            assert!(settings.set(&choice.key, &(most + 1).to_string()).is_err());
        }
    }
    let known: Vec<String> = Settings::choices().into_iter().map(|choice| choice.key).collect();
    assert!(settings.entries().iter().all(|(key, _)| known.contains(key)));
}

#[test]
fn wrong_keys_and_values_are_named() {
    let mut settings = Settings::preset(Idp::Generic);
    for (key, value) in [
        ("colour", "red"),
        ("rate", "0"),
        ("delete", "x"),
        ("history", "6"),
        ("requests", "99"),
        ("dialect.nothing", "on"),
    ] {
        let sentence = settings.set(key, value).unwrap_err().to_string();
        assert!(sentence.contains(key), "{sentence}");
    }
}
