//! What is sensitive asks for the password again, and then does what was wanted.

use std::time::Duration;

use endpoint_admin::{Method, ROUTES};

use crate::support::app::App;
use crate::support::both;
use crate::support::console::{Console, Page};
use crate::support::furniture::PASSWORD;
use crate::support::html::Form;

const MINUTE: Duration = Duration::from_secs(60);
const TOKENS: &str = "/admin/endpoints/generic/tokens";

async fn signed_in(app: &App) -> Console {
    let mut console = app.console();
    assert_eq!(console.sign_in(&app.furniture().owner, PASSWORD).await.path, "/admin/");
    console
}

/// The form that issues a token, filled in.
async fn form(console: &mut Console) -> (Page, Form) {
    let page = console.visit(TOKENS).await;
    let form = page.form_with("request_key").with("label", "Quotes \" & <others>").with("scope", "read");
    (page, form)
}

async fn tokens(app: &App) -> usize {
    let list = app.program(&["token", "list", "generic", "--json"]).await.json();
    list["tokens"].as_array().map_or(0, Vec::len)
}

both! {
    async fn a_sensitive_act_asks_after_ten_minutes_and_goes_on(app: &App) {
        let mut console = signed_in(app).await;
        app.advance(MINUTE * 9);
        let (page, wanted) = form(&mut console).await;
        assert!(console.submit(&page, &wanted).await.text().contains("shown this once"));
        app.advance(MINUTE * 2);
        let (page, wanted) = form(&mut console).await;
        let asked = console.submit(&page, &wanted).await;
        assert_eq!(asked.answer.status, 403, "{}", asked.answer);
        assert!(asked.text().contains("Confirm that it is you"), "{}", asked.text());
        assert_eq!(asked.answer.header("cache-control"), Some("no-store"));
        assert_eq!(tokens(app).await, 2, "nothing was done yet");
        // A wrong one asks again, and keeps what was wanted.
        let again = asked.form_with("your_password").with("your_password", "not-the-password-at-all");
        let refused = console.submit(&asked, &again).await;
        assert_eq!(refused.answer.status, 422);
        assert!(!refused.html().contains("not-the-password-at-all"));
        assert_eq!(tokens(app).await, 2);
        let right = refused.form_with("your_password").with("your_password", PASSWORD);
        let done = console.submit(&refused, &right).await;
        assert!(done.text().contains("shown this once"), "{}", done.answer);
        assert!(done.text().contains("Quotes \" & <others>"), "{}", done.text());
        assert!(!done.html().contains(PASSWORD));
        assert_eq!(tokens(app).await, 3);
        // For ten minutes it does not ask.
        let (page, wanted) = form(&mut console).await;
        assert!(console.submit(&page, &wanted).await.text().contains("shown this once"));
        // Another session of the same operator has to say it for itself.
        let mut other = signed_in(app).await;
        app.advance(MINUTE * 11);
        let (page, wanted) = form(&mut other).await;
        assert_eq!(other.submit(&page, &wanted).await.answer.status, 403);
        let log = app.program(&["operator", "list", "--json"]).await.json();
        assert!(!log.to_string().contains(PASSWORD));
    }

    async fn every_form_that_is_sensitive_asks(app: &App) {
        let mut console = signed_in(app).await;
        app.advance(MINUTE * 11);
        let page = console.visit("/admin/").await;
        let csrf = page.form_with("Sign out").fields.iter().find(|field| field.name == "csrf").unwrap().value.clone();
        let before = app.program(&["operator", "list", "--json"]).await.json();
        let endpoint = &app.furniture().generic;
        let sensitive: Vec<_> = ROUTES.iter().filter(|route| route.sensitive).collect();
        assert!(sensitive.len() > 10 && sensitive.iter().all(|route| route.method == Method::Post));
        for route in sensitive {
            let path = route.path.replace("{slug}", &endpoint.slug).replace("{token}", &endpoint.token_id);
            let path = path.replace("{operator}", "olivia").replace("{guest}", "nobody");
            let body = format!("csrf={csrf}&confirm=Generic&name=Generic&role=auditor&idp=okta&label=x");
            let answer = console.send(console.form_request(&path, &body)).await;
            assert_eq!(answer.status, 403, "{route:?}: {answer:#}");
            assert!(answer.text().contains("Confirm that it is you"), "{route:?}: {answer:#}");
            // A password for a form that is not of this session is not even looked at.
            let forged = format!("confirm=Generic&your_password={PASSWORD}&csrf=wrong");
            assert_eq!(console.send(console.form_request(&path, &forged)).await.status, 403);
        }
        assert_eq!(app.program(&["operator", "list", "--json"]).await.json(), before);
        assert_eq!(tokens(app).await, 1);
    }

    async fn wrong_ones_slow_down_and_are_noted(app: &App) {
        let mut console = signed_in(app).await;
        app.advance(MINUTE * 11);
        let (page, wanted) = form(&mut console).await;
        let asked = console.submit(&page, &wanted).await;
        let wrong = asked.form_with("your_password").with("your_password", "not-the-password-at-all");
        for _ in 0..5 {
            assert_eq!(console.submit(&asked, &wrong).await.answer.status, 422);
        }
        let right = asked.form_with("your_password").with("your_password", PASSWORD);
        let slowed = console.submit(&asked, &right).await;
        assert_eq!(slowed.answer.status, 429, "{}", slowed.answer);
        assert!(slowed.text().contains("wait 1 second"), "{}", slowed.text());
        app.advance(Duration::from_secs(1));
        assert_eq!(console.submit(&asked, &right).await.answer.status, 200);
        let audit = console.visit("/admin/audit?action=operator.confirm-failed").await;
        assert!(audit.text().contains("operator.confirm-failed"), "{}", audit.text());
    }
}
