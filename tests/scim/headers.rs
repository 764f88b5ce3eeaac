//! Headers that say two things at once, or what we do not speak.

use serde_json::json;

use crate::support::both;
use crate::support::http::{Request, send_bytes};
use crate::support::scim::user;

both! {
    async fn a_compressed_body_is_refused_and_nothing_is_stored(app: &App) {
        let scim = app.generic();
        let request = scim.request("POST", "/Users").header("Content-Encoding", "gzip").json(&user("zoe"));
        let detail = scim.send(&request).await.expect(415).json()["detail"].to_string();
        assert!(detail.contains("Content-Encoding"), "{detail}");
        assert_eq!(scim.count("Users").await, 0);
        let plain = scim.request("POST", "/Users").header("Content-Encoding", "identity").json(&user("zoe"));
        scim.send(&plain).await.expect(201);
    }

    async fn two_authorization_headers_open_nothing(app: &App) {
        let scim = app.generic();
        let one = Request::new("GET", "/scim/generic/v2/Users").bearer(&scim.token);
        scim.send(&one).await.expect(200);
        for (first, second) in [(scim.token.as_str(), "other"), ("other", scim.token.as_str())] {
            let wire = format!(
                "GET {}/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {first}\r\nAuthorization: Bearer {second}\r\n\
                 Connection: close\r\n\r\n",
                scim.base
            );
            let answer = send_bytes(app.address(), wire.as_bytes(), "GET with two credentials", "GET").await;
            assert_eq!(answer.expect(401).json()["status"], json!("401"));
        }
    }
}
