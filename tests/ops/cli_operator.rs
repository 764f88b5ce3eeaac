//! `scim-server operator`: accounts of the console, with passwords from stdin only.

use serde_json::{Value, json};

use crate::ops::{program_with_input, refusal};
use crate::support::both;
use crate::support::furniture::PASSWORD;
use crate::support::program::{run, run_with_input};
use crate::support::scim::text;

const OTHER: &str = "another-staple-for-the-horse-7";

both! {
    async fn an_account_signs_in_as_soon_as_it_is_made(app: &App) {
        let create = ["operator", "create", "Ann", "--role", "admin", "--password-stdin", "--json"];
        let made = program_with_input(app, &create, &format!("{OTHER}\n"));
        assert!(!made.stdout.contains(OTHER) && !made.stderr.contains(OTHER));
        let made = made.json();
        assert_eq!((&made["name"], &made["role"], &made["status"]), (&json!("Ann"), &json!("admin"), &json!("active")));
        let page = app.console().sign_in("ann", OTHER).await;
        assert_eq!((page.answer.status, page.path.as_str()), (200, "/admin/"));
        let list = app.program(&["operator", "list", "--json"]).await.json();
        let ann = list["operators"].as_array().unwrap().iter().find(|one| one["name"] == "Ann").unwrap();
        assert!(ann["last_sign_in_at"].is_string(), "{ann}");
        assert!(!list.to_string().contains("argon2"), "no digests either");
    }

    async fn disabling_ends_the_sessions(app: &App) {
        let create = ["operator", "create", "ben", "--role", "operator", "--password-stdin"];
        program_with_input(app, &create, &format!("{OTHER}\n")).done();
        let mut ben = app.console();
        ben.sign_in("ben", OTHER).await;
        assert_eq!(ben.visit("/admin/").await.path, "/admin/");

        let done = app.program(&["operator", "disable", "ben", "--json"]).await.json();
        assert_eq!(done["status"], "disabled");
        assert!(ben.visit("/admin/").await.path.starts_with("/admin/sign-in"));
        assert_eq!(app.console().sign_in("ben", OTHER).await.answer.status, 422);

        let reset = ["operator", "reset-password", "ben", "--password-stdin", "--json"];
        let on = program_with_input(app, &reset, &format!("{PASSWORD}\n")).json();
        assert_eq!(on["status"], "active");
        assert_eq!(app.console().sign_in("ben", OTHER).await.answer.status, 422);
        assert_eq!(app.console().sign_in("ben", PASSWORD).await.path, "/admin/");
    }

    async fn a_new_password_ends_the_sessions(app: &App) {
        let owner = app.furniture().owner.as_str();
        let mut console = app.console();
        console.sign_in(owner, PASSWORD).await;
        let reset = ["operator", "reset-password", owner, "--password-stdin"];
        program_with_input(app, &reset, OTHER).done();
        assert!(console.visit("/admin/").await.path.starts_with("/admin/sign-in"));
        assert_eq!(app.console().sign_in(owner, OTHER).await.path, "/admin/");
    }

    async fn the_last_owner_stays(app: &App) {
        let sentence = refusal(app, &["operator", "disable", &app.furniture().owner]).await;
        assert!(sentence.contains("only owner"), "{sentence}");
        let list = app.program(&["operator", "list", "--json"]).await.json();
        assert_eq!(list["operators"][0]["status"], "active");
    }

    async fn a_name_is_taken_whatever_its_case(app: &App) {
        let owner = app.furniture().owner.to_uppercase();
        let create = ["operator", "create", &owner, "--role", "auditor", "--password-stdin"];
        let refusal = program_with_input(app, &create, &format!("{OTHER}\n"));
        assert!(refusal.refused().contains(&owner), "{refusal:?}");
    }

    async fn what_is_not_there_is_named(app: &App) {
        let sentence = refusal(app, &["operator", "disable", "nobody"]).await;
        assert!(sentence.contains("nobody"), "{sentence}");
        let reset = ["operator", "reset-password", "nobody", "--password-stdin"];
        let refusal = program_with_input(app, &reset, OTHER);
        assert!(refusal.refused().contains("nobody"), "{refusal:?}");
    }
}

#[test]
fn passwords_that_cannot_be_used_are_refused_before_anything_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let create = ["operator", "create", "ann", "--role", "owner", "--password-stdin"];
    for password in ["", "\n", "short", "\n correct-horse-battery"] {
        let output = run_with_input(folder.path(), &create, password);
        let sentence = output.refused();
        assert!(password.trim().is_empty() || !sentence.contains(password.trim()), "{sentence}");
    }
    assert!(!folder.path().join("data").exists(), "no database was made for them");
}

/// Every process of a machine can read the command line of the others.
#[test]
fn a_password_on_the_command_line_is_no_usage() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &["operator", "create", "ann", "--role", "owner"][..],
        &["operator", "create", "ann", "--role", "owner", "--password", OTHER],
        &["operator", "create", "ann", "--role", "king", "--password-stdin"],
        &["operator", "reset-password", "ann"],
        &["operator"],
    ] {
        let output = run(folder.path(), arguments);
        assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""), "{arguments:?}: {output:?}");
    }
}

#[test]
fn an_empty_installation_has_an_empty_list() {
    let folder = tempfile::tempdir().unwrap();
    let list = run(folder.path(), &["operator", "list", "--json"]);
    let records: Value = list.json();
    assert_eq!(records, json!({"operators": []}));
    // A typing error in --database would look like this; stderr tells them apart.
    assert!(list.stderr.contains("There was no database"), "{list:?}");
    let said = text(&json!(run(folder.path(), &["operator", "list"]).done().stdout));
    assert!(said.contains("set-up link"), "{said}");
}
