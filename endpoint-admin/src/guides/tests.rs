//! Each guide carries our values and its own provider's words, and nobody else's.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use endpoint_store::settings::Idp;

use super::{Guide, Spec, Values};

const BASE: &str = "https://scim.example.com/scim/acme/v2";
const TOKEN_URL: &str = "https://scim.example.com/scim/acme/oauth/token";

fn rendered(idp: Idp, deactivates: bool) -> String {
    let values = Values {
        base_url: BASE.to_owned(),
        name: "Acme <One>",
        deactivates,
        token_url: TOKEN_URL.to_owned(),
    };
    Guide::new(idp, values).unwrap().body
}

/// Words by which a provider is known; none of them may stand in another one's guide.
fn own_words(idp: Idp) -> &'static [&'static str] {
    match idp {
        Idp::OneLogin => &["OneLogin", "API Status → Enable", "SCIM JSON Template", "Set Groups in"],
        Idp::Okta => &["Okta", "Test Connector Configuration", "Push Groups", "SCIM connector base URL"],
        Idp::Entra => &["Entra", "Provision on demand", "userPrincipalName", "aadOptscim062020"],
        Idp::JumpCloud => &["JumpCloud", "Token Key", "Test User Email"],
        Idp::Google => &["Google", "Auto-provisioning", "Deprovisioning"],
        Idp::Ping => &["PingOne", "PingFederate", "User Filter Expression", "Remove Action"],
        Idp::SailPoint => &["IdentityIQ", "Application Definition", "Explicit Attribute Request"],
        Idp::Rippling => &["Rippling", "Third-Party Access", "Mutually Exclusive Groups"],
        Idp::Authentik => &["authentik", "Backchannel Providers", "Compatibility Mode"],
        Idp::Generic => &["look for “HTTP header”", "Look for “Provisioning”"],
    }
}

#[test]
fn every_guide_carries_our_values_and_the_fields_for_them() {
    for idp in Idp::ALL {
        let (body, spec) = (rendered(idp, false), Spec::of(idp));
        assert_eq!(body.matches(&format!("<code id=\"given-url\">{BASE}</code>")).count(), 1, "{idp:?}");
        assert!(body.contains("data-copy=\"given-url\""), "{idp:?}: the base URL can be copied");
        for field in [spec.url_field, spec.token_field] {
            assert!(body.contains(&format!("<th scope=\"row\">{field}</th>")), "{idp:?}: {field}");
        }
        assert_eq!(body.contains(TOKEN_URL), spec.oauth, "{idp:?}");
        assert!(body.contains("The token that was shown when it was issued"), "{idp:?}");
        assert!(body.matches("<h3>").count() >= 5, "{idp:?}");
        assert!(body.contains("Good to know"), "{idp:?}");
        // Ticks and what they wait for, and the rotation, use the same words.
        assert!(spec.todo.iter().chain(&spec.exchange).all(|line| line.ends_with('.')), "{idp:?}");
    }
}

#[test]
fn no_guide_speaks_of_another_provider() {
    for idp in Idp::ALL {
        let spec = Spec::of(idp);
        let all = format!("{} {} {}", rendered(idp, false), spec.todo.join(" "), spec.exchange.join(" "));
        for word in own_words(idp) {
            assert!(all.contains(word), "{idp:?} lacks {word}");
        }
        for other in Idp::ALL.into_iter().filter(|other| *other != idp && *other != Idp::Generic) {
            // The first of its words is its name; the others may be everybody's.
            for name in own_words(other).iter().take(1).copied().chain([other.label()]) {
                assert!(!all.contains(name), "the guide for {idp:?} speaks of {name}");
            }
        }
    }
}

#[test]
fn what_a_delete_does_is_told_where_deletes_come() {
    for idp in Idp::ALL {
        let (removes, deactivates) = (rendered(idp, false), rendered(idp, true));
        if idp == Idp::Okta {
            assert_eq!(removes, deactivates, "it never deletes users");
        } else {
            assert!(removes.contains("removes the user for good"), "{idp:?}");
            assert!(deactivates.contains("deactivates the user and hides it from SCIM"), "{idp:?}");
        }
    }
}

#[test]
fn marks_are_read_and_what_operators_typed_is_escaped() {
    for idp in Idp::ALL {
        let body = rendered(idp, false);
        for left in ["**", "{delete}", "{name}", "Acme <One>"] {
            assert!(!body.contains(left), "{idp:?}: {left} is left");
        }
        assert_eq!(body.matches('`').count(), 0, "{idp:?}");
    }
    assert!(rendered(Idp::OneLogin, false).contains("Acme &#60;One&#62;"));
}
