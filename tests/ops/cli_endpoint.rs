//! `scim-server endpoint`: the life of an endpoint, by commands beside a running server.

use serde_json::{Value, json};

use crate::ops::{refusal, said};
use crate::support::both;
use crate::support::http::{Request, send};
use crate::support::program::run;
use crate::support::scim::{USER, text, user};

/// The keys of a JSON object in the order in which they were printed.
fn keys(value: &Value) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

both! {
    async fn a_new_endpoint_answers_with_the_token_that_was_printed(app: &App) {
        let made = app.program(&["endpoint", "create", "Zürich & Söhne", "--idp", "okta", "--tenant", "Söhne", "--json"]).await;
        assert_eq!(made.stderr, "", "nothing to say beside the document");
        let made = made.json();
        assert_eq!(keys(&made), ["id", "slug", "name", "tenant", "idp", "status", "base_url", "token"]);
        assert_eq!(keys(&made["token"]), ["id", "secret", "label", "expires_at"]);
        assert_eq!((&made["name"], &made["tenant"]), (&json!("Zürich & Söhne"), &json!("Söhne")));
        assert_eq!((&made["idp"], &made["status"]), (&json!("okta"), &json!("active")));

        let slug = text(&made["slug"]);
        let pattern = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        assert!((1..=63).contains(&slug.len()) && slug.chars().all(pattern), "{slug}");
        let base = format!("/scim/{slug}/v2");
        assert!(text(&made["base_url"]).ends_with(&base), "{made}");
        let request = Request::new("GET", &format!("{base}/Users")).bearer(&text(&made["token"]["secret"]));
        app.until(&request, 200).await;
    }

    async fn what_people_read_names_the_values_by_their_labels(app: &App) {
        let made = app.program(&["endpoint", "create", "Acme", "--idp", "onelogin"]).await.done();
        for part in ["SCIM Base URL", "SCIM Bearer Token", "/scim/acme/v2", "scim_", "never again"] {
            assert!(made.stdout.contains(part), "{part}: {}", made.stdout);
        }
        let shown = said(app, &["endpoint", "show", "acme"]).await;
        assert!(shown.contains("OneLogin") && !shown.contains("SCIM Bearer Token"), "{shown}");
        let listed = said(app, &["endpoint", "list"]).await;
        assert!(listed.contains("SLUG") && listed.contains("acme") && listed.contains("generic"), "{listed}");
    }

    async fn one_name_gives_one_slug_each(app: &App) {
        let create = ["endpoint", "create", "Twin", "--json"];
        for slug in ["twin", "twin-2", "twin-3"] {
            assert_eq!(app.program(&create).await.json()["slug"], json!(slug));
        }
    }

    async fn show_and_list_are_the_same_document(app: &App) {
        let generic = &app.furniture().generic;
        app.generic().user("one").await;
        let shown = app.program(&["endpoint", "show", &generic.slug, "--json"]).await.json();
        assert_eq!((&shown["id"], &shown["users"], &shown["groups"]), (&json!(generic.id), &json!(1), &json!(0)));
        assert_eq!(shown["settings"]["delete"], "remove");
        assert!(shown.get("token").is_none(), "no token in it: {shown}");
        let by_id = app.program(&["endpoint", "show", &generic.id, "--json"]).await.json();
        assert_eq!(by_id["slug"], shown["slug"]);
        let list = app.program(&["endpoint", "list", "--json"]).await.json();
        let listed = list["endpoints"].as_array().unwrap();
        assert_eq!(listed.len(), 3, "{list}");
        let listed = listed.iter().find(|one| one["id"] == shown["id"]).unwrap();
        assert_eq!(keys(listed), keys(&shown));
    }

    async fn the_old_url_outlives_a_rename(app: &App) {
        let (generic, scim) = (&app.furniture().generic, app.generic());
        let made = scim.user("kept").await;
        let renamed = app.program(&["endpoint", "rename", &generic.slug, "Globex Inc.", "--json"]).await.json();
        assert_eq!((&renamed["name"], &renamed["slug"]), (&json!("Globex Inc."), &json!("globex-inc")));
        let path = format!("/Users/{}", text(&made["id"]));
        for slug in ["globex-inc", &generic.slug, &generic.id] {
            let request = Request::new("GET", &format!("/scim/{slug}/v2{path}")).bearer(&generic.token);
            app.until(&request, 200).await;
        }
        let said = said(app, &["endpoint", "rename", "globex-inc", "Initech"]).await;
        assert!(said.contains("/scim/initech/v2") && said.contains("keeps working"), "{said}");
        // The address that was given up belongs to it for good.
        let other = app.program(&["endpoint", "create", "Globex Inc", "--json"]).await.json();
        assert_ne!(other["slug"], "globex-inc");
        let back = app.program(&["endpoint", "rename", "globex-inc", "Globex Inc.", "--json"]).await.json();
        assert_eq!(back["slug"], "globex-inc", "it takes its own former address again");
    }

    async fn states_are_told_apart_and_seen_by_the_server(app: &App) {
        let slug = app.furniture().generic.slug.as_str();
        let users = app.generic().request("GET", "/Users");
        for (turn, state, status) in
            [("pause", "paused", 503), ("resume", "active", 200), ("disable", "disabled", 403), ("enable", "active", 200)]
        {
            let record = app.program(&["endpoint", turn, slug, "--json"]).await.json();
            assert_eq!(record["status"], json!(state), "{turn}");
            app.until(&users, status).await;
            app.generic().send(&users).await.expect(status);
        }
    }

    async fn only_what_undoes_a_state_leaves_it(app: &App) {
        let slug = app.furniture().generic.slug.as_str();
        app.program(&["endpoint", "disable", slug]).await.done();
        for turn in ["pause", "resume"] {
            let sentence = refusal(app, &["endpoint", turn, slug]).await;
            assert!(sentence.contains("endpoint enable"), "{sentence}");
        }
        app.program(&["endpoint", "enable", slug]).await.done();
        app.program(&["endpoint", "pause", slug]).await.done();
        let sentence = refusal(app, &["endpoint", "enable", slug]).await;
        assert!(sentence.contains("endpoint resume"), "{sentence}");
        let state = app.program(&["endpoint", "show", slug, "--json"]).await.json();
        assert_eq!(state["status"], "paused");
    }

    async fn the_bin_gives_everything_back(app: &App) {
        let (generic, scim) = (&app.furniture().generic, app.generic());
        let made = scim.user("binned").await;
        let said = said(app, &["endpoint", "delete", &generic.slug]).await;
        assert!(said.contains("1 user") && said.contains("endpoint undelete"), "{said}");
        let one = scim.request("GET", &format!("/Users/{}", text(&made["id"])));
        app.until(&one, 401).await;

        let list = |output: Value| output["endpoints"].as_array().unwrap().iter().map(|one| text(&one["slug"])).collect::<Vec<_>>();
        assert!(!list(app.program(&["endpoint", "list", "--json"]).await.json()).contains(&generic.slug));
        assert_eq!(list(app.program(&["endpoint", "list", "--deleted", "--json"]).await.json()), [generic.slug.as_str()]);
        for command in [&["endpoint", "pause"][..], &["endpoint", "delete"], &["token", "issue"]] {
            let sentence = refusal(app, &[command, &[generic.slug.as_str()]].concat()).await;
            assert!(sentence.contains("endpoint undelete"), "{sentence}");
        }

        let back = app.program(&["endpoint", "undelete", &generic.slug, "--json"]).await.json();
        assert_eq!((&back["users"], &back["deleted_at"]), (&json!(1), &Value::Null));
        app.until(&one, 200).await;
        let sentence = refusal(app, &["endpoint", "undelete", &generic.slug]).await;
        assert!(sentence.contains("not in the bin"), "{sentence}");
    }

    async fn the_bin_gives_the_state_back_too(app: &App) {
        let slug = app.furniture().generic.slug.as_str();
        for turn in ["pause", "delete", "undelete"] {
            assert!(said(app, &["endpoint", turn, slug]).await.contains(slug));
        }
        app.until(&app.generic().request("GET", "/Users"), 503).await;
    }

    async fn a_setting_changes_what_the_server_does(app: &App) {
        let (slug, scim) = (app.furniture().generic.slug.as_str(), app.generic());
        let record = app.program(&["endpoint", "set", slug, "delete=deactivate", "password=refuse", "rate=7", "--json"]).await.json();
        assert_eq!((&record["settings"]["delete"], &record["settings"]["rate"]), (&json!("deactivate"), &json!("7")));
        let mut with_password = user("secretive");
        with_password["password"] = json!("not to be taken");
        app.until(&scim.request("POST", "/Users").json(&with_password), 400).await;
        app.program(&["endpoint", "set", slug, "rate=unlimited"]).await.done();

        let id = text(&scim.user("back").await["id"]);
        scim.delete(&format!("/Users/{id}")).await.expect(204);
        scim.get(&format!("/Users/{id}")).await.expect(404);
        let again = scim.post("/Users", &user("back")).await.expect(201).json();
        assert_eq!(again["id"], json!(id), "deactivated, so it came back");
    }

    async fn settings_are_all_taken_or_none(app: &App) {
        let slug = app.furniture().generic.slug.as_str();
        let settings = async || app.program(&["endpoint", "show", slug, "--json"]).await.json()["settings"].clone();
        let before = settings().await;
        for wrong in ["colour=red", "rate=0", "delete=perhaps", "group-patch=500", "dialect.nonsense=on"] {
            let sentence = refusal(app, &["endpoint", "set", slug, "group-names=free", wrong]).await;
            let key = wrong.split('=').next().unwrap();
            assert!(sentence.contains(key), "{sentence}");
        }
        assert_eq!(settings().await, before);
    }

    async fn what_is_not_there_is_named(app: &App) {
        for command in [
            &["endpoint", "show", "nobody"][..],
            &["endpoint", "rename", "nobody", "Somebody"],
            &["endpoint", "pause", "nobody"],
            &["endpoint", "delete", "nobody"],
            &["endpoint", "undelete", "nobody"],
            &["endpoint", "set", "nobody", "rate=1"],
            &["endpoint", "schema", "nobody"],
            &["endpoint", "show", "nobody", "--json"],
        ] {
            let sentence = refusal(app, command).await;
            assert!(sentence.contains("nobody"), "{command:?}: {sentence}");
        }
    }

    async fn names_that_give_no_url_are_refused(app: &App) {
        for name in ["", "   ", "!!!", "a\nb", &"n".repeat(300)] {
            refusal(app, &["endpoint", "create", name]).await;
        }
        let list = app.program(&["endpoint", "list", "--json"]).await.json();
        assert_eq!(list["endpoints"].as_array().map(Vec::len), Some(3), "nothing was made");
    }
}

#[test]
fn wrong_usage_ends_with_2_and_prints_nothing_on_stdout() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &["endpoint"][..],
        &["endpoint", "create"],
        &["endpoint", "create", "A", "--idp", "nobody"],
        &["endpoint", "set", "a"],
        &["endpoint", "set", "a", "rate"],
        &["endpoint", "rename", "a"],
        &["endpoint", "nonsense"],
        &["nonsense"],
        &["endpoint", "list", "--nonsense"],
        &["endpoint", "schema", "a", "file", "--clear"],
    ] {
        let output = run(folder.path(), arguments);
        assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""), "{arguments:?}: {output:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
    }
    assert!(!folder.path().join("data").exists(), "a command that was not understood touches nothing");
}

#[test]
fn help_is_printed_on_stdout_and_ends_with_0() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, part) in [
        (&["--help"][..], "Exit codes"),
        (&["serve", "--help"], "scim-server.toml"),
        (&["endpoint", "--help"], "undelete"),
        (&["token", "issue", "--help"], "365d"),
        (&["--version"], env!("CARGO_PKG_VERSION")),
    ] {
        let output = run(folder.path(), arguments).done();
        assert!(output.stdout.contains(part) && output.stderr.is_empty(), "{arguments:?}: {output:?}");
    }
}

both! {
    async fn an_endpoint_in_the_bin_keeps_its_name_to_itself(app: &App) {
        let generic = &app.furniture().generic;
        app.program(&["endpoint", "delete", &generic.slug]).await.done();
        let other = app.program(&["endpoint", "create", "Generic", "--json"]).await.json();
        assert_ne!(other["slug"], json!(generic.slug), "the address in the bin is taken");
        app.program(&["endpoint", "undelete", &generic.slug]).await.done();
        let request = Request::new("POST", &format!("{}/Users", app.base_path(generic)))
            .bearer(&generic.token)
            .json(&json!({"schemas": [USER], "userName": "mine"}));
        app.until(&request, 201).await;
        let theirs = Request::new("GET", &format!("/scim/{}/v2/Users", text(&other["slug"])))
            .bearer(&text(&other["token"]["secret"]));
        app.until(&theirs, 200).await;
        assert_eq!(send(app.address(), &theirs).await.json()["totalResults"], 0);
    }
}
