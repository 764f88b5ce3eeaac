//! Where a request comes from when it came through a proxy: what a trusted one says, and nobody else.

use std::time::Duration;

use crate::support::app::App;
use crate::support::both;
use crate::support::http::{Request, send};
use crate::support::program::Server;

const FROM: &str = "198.51.100.23";

/// The address of the last use of the endpoint's tokens, once it is written.
async fn last_address(app: &App, slug: &str) -> String {
    for _ in 0..200 {
        let listed = app.program(&["token", "list", slug, "--json"]).await.json();
        let mut tokens = listed["tokens"].as_array().expect("a list").iter();
        if let Some(address) = tokens.find_map(|token| token["last_used"]["address"].as_str()) {
            return address.to_owned();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("no use of a token of {slug} was ever written");
}

both! {
    async fn a_trusted_proxy_is_believed(app: &App) {
        let (onelogin, generic) = (&app.furniture().onelogin, app.generic());
        let through = generic.request("GET", "/Users").header("X-Forwarded-For", &format!("1.1.1.1, {FROM}"));
        send(app.address(), &through).await.expect(200);
        assert_eq!(last_address(app, &app.furniture().generic.slug).await, FROM);
        // RFC 7239, and an endpoint of its own, so that the first is not waited for.
        let through = app.scim(onelogin).request("GET", "/Users").header("Forwarded", "for=\"[2001:db8::7]:443\";proto=https");
        send(app.address(), &through).await.expect(200);
        assert_eq!(last_address(app, &onelogin.slug).await, "2001:db8::7");
    }

    async fn nobody_else_is(app: &App) {
        let database = app.database();
        let server = Server::start(database.folder.path(), &["--database", &database.url]).await;
        let mut request = app.generic().request("GET", "/Users");
        for (name, value) in [("X-Forwarded-For", FROM), ("Forwarded", "for=198.51.100.23"), ("X-Real-IP", FROM)] {
            request = request.header(name, value);
        }
        send(server.address, &request).await.expect(200);
        assert_eq!(last_address(app, &app.furniture().generic.slug).await, "127.0.0.1");
        assert_eq!(send(server.address, &Request::new("GET", "/healthz")).await.status, 200);
    }
}
