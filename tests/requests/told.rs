//! Requests are explained: in the list, on their page, by the API and at the command line, which say the same.

use serde_json::{Value, json};

use super::{logged, said, shown};
use crate::api::Api;
use crate::support::both;
use crate::support::furniture::PASSWORD;
use crate::support::scim::{id, user};

both! {
    async fn a_refused_user_is_explained_everywhere(app: &App) {
        let scim = app.scim(&app.furniture().onelogin);
        let first = id(&scim.user("robertt").await);
        let refused = logged(app, &scim.post("/Users", &user("RobertT")).await.expect(409)).await;
        let slug = &app.furniture().onelogin.slug;

        let api = Api::owner(app);
        let list = api.get(&format!("/endpoints/{slug}/requests?outcome=refused")).await.expect(200).json();
        let line = &list["items"][0];
        assert_eq!(line["id"], refused);
        assert_eq!(line["asked"], "Create user “RobertT”");
        assert_eq!(line["outcome"], "refused: userName is taken");
        assert_eq!((&line["end"], &line["status"], &line["scim_type"]), (&json!("refused"), &json!(409), &json!("uniqueness")));
        assert_eq!(line["token"]["id"], app.furniture().onelogin.token_id);
        assert!(line["ms"].as_f64().is_some_and(|ms| ms > 0.0), "{line}");

        let told = api.get(&format!("/endpoints/{slug}/requests/{refused}")).await.expect(200).json();
        let advice = told["advice"].as_str().unwrap_or_default();
        for part in ["OneLogin sent", "Create user “RobertT”", "POST /Users", "409 uniqueness", "belongs to “robertt”", &first] {
            assert!(advice.contains(part), "{part}: {advice}");
        }
        assert!(said(&told["recognised"]).contains("may read and write"), "{told}");
        assert!(said(&told["verdict"]).contains("must be unique"), "{told}");
        assert_eq!(told["changes"], json!([]));
        assert!(told["request_body"]["text"].as_str().is_some_and(|text| text.contains("RobertT")), "{told}");
        assert_eq!(shown(app, slug, &refused).await, told, "the command line says the same");
        let printed = app.program(&["request", "list", slug, "--refused"]).await.done().stdout;
        assert!(printed.contains("refused: userName is taken") && printed.contains(&refused), "{printed}");

        let mut console = app.console();
        console.sign_in("olivia", PASSWORD).await;
        let page = console.visit(&format!("/admin/endpoints/{slug}/requests")).await;
        for part in ["Create user “RobertT”", "Refused", "userName is taken", "Create user “robertt”", "Done"] {
            assert!(page.text().contains(part), "{part}: {}", page.text());
        }
        let page = console.visit(&format!("/admin/endpoints/{slug}/requests/{refused}")).await;
        for part in ["belongs to “robertt”", "Authorization: Bearer $TOKEN", "curl -X POST", "What the schema says"] {
            assert!(page.text().contains(part), "{part}: {}", page.text());
        }
        assert!(!page.html().contains(&app.furniture().onelogin.token));
    }

    async fn a_patch_is_told_step_by_step_with_what_changed(app: &App) {
        let scim = app.scim(&app.furniture().onelogin);
        let robert = id(&scim.user("robertt").await);
        let group = id(&scim.group("Admins", &[]).await);
        let patch = json!([
            {"op": "Replace", "path": "active", "value": "False"},
            {"op": "replace", "path": "emails[type eq \"work\"].value", "value": "new@example.com"},
        ]);
        let one = logged(app, &scim.patch(&format!("/Users/{robert}"), patch).await.expect(200)).await;
        let add = json!([{"op": "add", "path": "members", "value": [{"value": robert}]}]);
        let two = logged(app, &scim.patch(&format!("/Groups/{group}"), add).await).await;
        let off = json!([{"op": "replace", "value": {"active": true}}]);
        let three = logged(app, &scim.patch(&format!("/Users/{robert}"), off).await.expect(200)).await;
        let bad = json!([{"op": "replace", "path": "emails[type eq", "value": "x"}]);
        let four = logged(app, &scim.patch(&format!("/Users/{robert}"), bad).await.expect(400)).await;
        let slug = &app.furniture().onelogin.slug;

        let told = shown(app, slug, &one).await;
        assert_eq!(told["asked"], "Change active, emails[type eq \"work\"].value of user “robertt”");
        assert_eq!(told["understood"][0]["says"], "Set active to “False”.");
        assert_eq!(told["understood"][0]["rules"], json!(["op-any-case"]));
        assert_eq!(told["understood"][1]["says"], "Set emails[type eq \"work\"].value to “new@example.com”.");
        assert!(said(&told["verdict"]).contains("op-any-case"), "{told}");
        let [change] = told["changes"].as_array().unwrap().as_slice() else { panic!("one change: {told}") };
        assert_eq!((&change["resource_name"], &change["after"]["active"]), (&json!("robertt"), &json!(false)));
        assert_eq!(told["advice"], Value::Null);

        let told = shown(app, slug, &two).await;
        assert_eq!(told["asked"], "Add 1 member to group “Admins”");
        assert_eq!(told["understood"][0]["says"], "Add 1 member.");
        assert_eq!(told["changes"][0]["members_added"], 1);
        assert_eq!(shown(app, slug, &three).await["asked"], "Activate user “robertt”");

        let told = shown(app, slug, &four).await;
        assert_eq!(told["understood"][0]["fault"], true, "{told}");
        assert!(told["advice"].as_str().is_some_and(|advice| advice.contains("attribute mapping")), "{told}");

        // The history of a user leads to the request.
        let mut console = app.console();
        console.sign_in("olivia", PASSWORD).await;
        let page = console.visit(&format!("/admin/endpoints/{slug}/users/{robert}")).await;
        let link = format!("/admin/endpoints/{slug}/requests/{one}");
        assert!(page.html().contains(&link), "{}", page.html());
        let page = console.visit(&link).await;
        assert!(page.text().contains("robertt") && page.html().contains("<ins>"), "{}", page.text());
    }

    async fn a_question_is_told_with_the_way_it_was_answered(app: &App) {
        let scim = app.generic();
        scim.user("robertt").await;
        let by_index = logged(app, &scim.get("/Users?filter=userName%20eq%20%22robertt%22&count=1").await.expect(200)).await;
        let by_scan = logged(app, &scim.get("/Users?filter=title%20co%20%22x%22").await.expect(200)).await;
        let broken = logged(app, &scim.get("/Users?filter=userName%20eq").await.expect(400)).await;
        let search = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": "userName sw \"rob\""});
        let search = logged(app, &scim.post("/Users/.search", &search).await.expect(200)).await;
        let gone = logged(app, &scim.get("/Users/nobody").await.expect(404)).await;
        let told = shown(app, "generic", &by_index).await;
        assert_eq!(told["asked"], "Find users whose userName is “robertt”");
        let steps = said(&told["understood"]);
        assert!(steps.contains("userName eq \"robertt\"") && steps.contains("index of userName"), "{steps}");
        assert!(said(&shown(app, "generic", &by_scan).await["understood"]).contains("No index helps"));
        let told = shown(app, "generic", &broken).await;
        assert_eq!((&told["end"], &told["understood"][0]["fault"]), (&json!("refused"), &json!(true)));
        assert_eq!(shown(app, "generic", &search).await["asked"], "Find users whose userName begins with “rob”");
        let told = shown(app, "generic", &gone).await;
        assert_eq!((&told["asked"], &told["outcome"]), (&json!("Read user nobody"), &json!("not found")));
    }

    async fn what_did_not_get_in_is_there_with_its_cause(app: &App) {
        let (scim, furniture) = (app.generic(), app.furniture());
        let request = scim.request("GET", "/Users?x=1").without_header("Authorization");
        let bare = logged(app, &scim.send(&request).await.expect(401)).await;
        let foreign = logged(app, &scim.with_token(&furniture.foreign.token).get("/Users").await.expect(401)).await;
        let reader = app.scim(&furniture.generic);
        let path = logged(app, &reader.get("/Userz").await.expect(404)).await;
        app.program(&["endpoint", "pause", "generic"]).await.done();
        app.until(&scim.request("GET", "/Users"), 503).await;
        let paused = logged(app, &scim.get("/Users").await.expect(503)).await;
        let told = shown(app, "generic", &bare).await;
        assert_eq!((&told["cause"], &told["outcome"], &told["token"]), (&json!("no-token"), &json!("turned away: no token"), &Value::Null));
        assert!(said(&told["recognised"]).contains("came without a token"), "{told}");
        let told = shown(app, "generic", &foreign).await;
        assert_eq!(told["cause"], "other-endpoint");
        assert_eq!(told["token"]["label"], "", "the label of another endpoint's token is not shown");
        assert_eq!(shown(app, "generic", &path).await["cause"], "wrong-path");
        assert_eq!(shown(app, "generic", &paused).await["end"], "closed");
    }

    async fn a_bulk_request_says_how_many_failed(app: &App) {
        let scim = app.generic();
        scim.user("robertt").await;
        let operation = |name: &str| json!({"method": "POST", "path": "/Users", "bulkId": name, "data": user(name)});
        let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": [operation("robertt"), operation("ann")]});
        let bulk = logged(app, &scim.post("/Bulk", &body).await.expect(200)).await;
        let told = shown(app, "generic", &bulk).await;
        assert_eq!(told["asked"], "Bulk: 2 operations at once");
        assert_eq!(told["outcome"], "done, but 1 operation refused");
        assert!(told["detail"].as_str().is_some_and(|detail| detail.contains("must be unique")), "{told}");
        assert_eq!(told["changes"].as_array().map(Vec::len), Some(1), "{told}");
    }

    async fn endpoints_do_not_see_each_others_requests(app: &App) {
        let one = logged(app, &app.generic().get("/Users").await.expect(200)).await;
        let api = Api::owner(app);
        api.get(&format!("/endpoints/generic/requests/{one}")).await.expect(200);
        for path in [format!("/endpoints/onelogin/requests/{one}"), format!("/endpoints/onelogin/requests/{one}/links")] {
            api.get(&path).await.expect(404);
        }
        api.send(&api.request("POST", &format!("/endpoints/onelogin/requests/{one}/links"))).await.expect(404);
        let list = api.get("/endpoints/onelogin/requests").await.expect(200).text();
        assert!(!list.contains(&one), "{list}");
        let mut console = app.console();
        console.sign_in("olivia", PASSWORD).await;
        let page = console.visit(&format!("/admin/endpoints/onelogin/requests/{one}")).await;
        assert_eq!(page.answer.status, 404);
    }
}
