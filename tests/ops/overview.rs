//! The overview: filtered, sorted, paged, taken away as a file, and no further than somebody sees.

use serde_json::{Value, json};

use crate::api::Api;
use crate::ops::program_with_input;
use crate::support::both;
use crate::support::console::{Console, Page};
use crate::support::furniture::PASSWORD;
use crate::support::http::Request;

/// The slugs of the lines, in their order.
fn slugs(page: &Page) -> Vec<String> {
    let html = page.html();
    let rows = html.split("<th scope=\"row\"><a href=\"/admin/endpoints/").skip(1);
    rows.filter_map(|row| row.split('/').next().map(str::to_owned)).collect()
}

async fn lines(console: &mut Console, query: &str) -> Vec<String> {
    let file =
        console.send(Request::new("GET", &format!("/admin/file?format=ndjson&{query}"))).await.expect(200);
    let name = |line: &str| serde_json::from_str::<Value>(line).unwrap()["slug"].as_str().unwrap().to_owned();
    file.text().lines().map(name).collect()
}

both! {
    async fn endpoints_are_filtered_sorted_and_taken_away(app: &App) {
        let api = Api::owner(app);
        for (name, idp, tenant) in [("Alpha", "okta", "Umbrella"), ("Beta", "entra", "umbrella"), ("Gamma", "okta", "Initech")] {
            api.post("/endpoints", &json!({"name": name, "idp": idp, "tenant": tenant})).await.expect(201);
        }
        api.send(&api.request("POST", "/endpoints/beta/pause")).await.expect(200);
        for number in 0..3 {
            app.generic().user(&format!("user{number}")).await;
        }
        app.scim(&app.furniture().onelogin.clone()).user("one").await;
        let mut console = app.console();
        console.sign_in(&app.furniture().owner, PASSWORD).await;
        let foreign = app.furniture().foreign.slug.as_str();
        for (query, expected) in [
            ("tenant=UMBRELLA", vec!["alpha", "beta"]),
            ("tenant=Umb", vec![]),
            ("q=umb", vec!["alpha", "beta"]),
            ("idp=entra", vec!["beta"]),
            ("state=paused", vec!["beta"]),
            ("state=unheard&tenant=Initech", vec!["gamma"]),
            ("state=silent", vec![]),
            ("idp=okta&sort=-name", vec!["gamma", foreign, "alpha"]),
            ("tenant=Acme&sort=-users", vec!["generic", "onelogin", foreign]),
        ] {
            let page = console.visit(&format!("/admin/?{query}")).await;
            assert_eq!(slugs(&page), expected, "{query}");
            assert_eq!(lines(&mut console, query).await, expected, "{query}");
        }
        let page = console.visit("/admin/?sort=-users").await;
        assert_eq!(slugs(&page)[..2], ["generic", "onelogin"]);
        assert!(page.html().contains("aria-sort=\"descending\"") && page.html().contains("?sort=users"));
        assert!(page.text().contains("Beta is paused"), "{}", page.text());
        let csv = console.send(Request::new("GET", "/admin/file?format=csv&tenant=umbrella")).await.expect(200);
        assert_eq!(csv.header("content-disposition"), Some("attachment; filename=\"endpoints.csv\""));
        assert!(csv.text().contains("Beta,beta,") && csv.text().lines().count() == 3, "{}", csv.text());
        // Whoever is limited sees no more in any of it.
        let create = ["operator", "create", "lena", "--role", "operator", "--password-stdin"];
        program_with_input(app, &create, PASSWORD).done();
        app.program(&["operator", "set-tenants", "lena", "--tenant", "Umbrella"]).await.done();
        let mut lena = app.console();
        lena.sign_in("lena", PASSWORD).await;
        for query in ["", "sort=-users", "sort=heard", "sort=-errors", "tenant=Acme"] {
            let expected = if query.starts_with("tenant") { vec![] } else { vec!["alpha", "beta"] };
            let page = lena.visit(&format!("/admin/?{query}")).await;
            let mut found = slugs(&page);
            found.sort();
            assert_eq!(found, expected, "{query}");
            assert!(!page.html().contains("/endpoints/generic/") && !page.html().contains("Initech"), "{}", page.html());
            assert_eq!(lines(&mut lena, query).await.len(), expected.len());
        }
    }

    async fn many_endpoints_are_pages(app: &App) {
        let api = Api::owner(app);
        for number in 0..55 {
            let made = json!({"name": format!("Many {number:02}"), "tenant": "Many"});
            api.post("/endpoints", &made).await.expect(201);
        }
        let mut console = app.console();
        console.sign_in(&app.furniture().owner, PASSWORD).await;
        let first = console.visit("/admin/?tenant=many").await;
        assert!(first.text().contains("1 to 50 of 55 endpoints"), "{}", first.text());
        assert_eq!((slugs(&first).len(), slugs(&first)[0].as_str()), (50, "many-00"));
        assert!(first.html().len() < 100_000, "{}", first.html().len());
        assert!(first.text().contains("There is more"), "each of them waits to be heard from");
        let second = console.visit("/admin/?tenant=many&page=2").await;
        assert_eq!(slugs(&second), ["many-50", "many-51", "many-52", "many-53", "many-54"]);
        assert!(second.html().contains("rel=\"prev\"") && !second.html().contains("rel=\"next\""));
        assert_eq!(lines(&mut console, "tenant=many&sort=-name").await.len(), 55);
    }
}
