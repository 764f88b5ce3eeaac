//! Bad requests around the body: too large, of a wrong type, at a wrong place, with a wrong method.

use serde_json::json;

use super::bad_input::{Directory, Refusal};
use crate::support::both;
use crate::support::http::{Answer, Request, send_bytes};
use crate::support::scim::{Scim, check_contract, id, text, user};

both! {
    async fn what_is_too_much(app: &App) {
        let directory = Directory::new(app).await;
        let large = json!({"userName": "x", "title": "y".repeat(1024 * 1024)}).to_string();
        let refusal = Refusal { status: 413, kind: None, words: &["1048576"] };
        for (method, path) in [
            ("POST", "/Users".to_owned()),
            ("PUT", directory.user_path()),
            ("PATCH", directory.group_path()),
            ("POST", "/Bulk".to_owned()),
        ] {
            directory.refuses(&directory.with_body(method, &path, large.as_bytes()), &refusal).await;
            let answer = chunked(&directory.scim, method, &path, large.as_bytes()).await;
            directory.was_refused(&answer, &refusal).await;
        }
        // Announced only: refused before a byte of it has come.
        let head = Request::new("POST", &format!("{}/Users", directory.scim.base));
        let wire = format!(
            "POST {} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
             Content-Length: 99999999999\r\nConnection: close\r\n\r\n",
            head.target, directory.scim.token
        );
        let answer = send_bytes(directory.scim.address, wire.as_bytes(), "announced", "POST").await;
        check_contract(&head, &answer);
        directory.was_refused(&answer, &refusal).await;

        let operations = vec![json!({"op": "add", "path": "title", "value": "x"}); 5001];
        let body = json!({"Operations": operations});
        let refusal = Refusal { status: 413, kind: None, words: &["5000", "5001"] };
        directory
            .refuses(&directory.scim.request("PATCH", &directory.user_path()).json(&body), &refusal)
            .await;

        // The largest that is taken.
        let mut body = user("large");
        let room = 1024 * 1024 - body.to_string().len() - r#","title":"""#.len();
        body["title"] = json!("y".repeat(room));
        assert_eq!(body.to_string().len(), 1024 * 1024);
        let wire = body.to_string();
        let answer = chunked(&directory.scim, "POST", "/Users", wire.as_bytes()).await.expect(201);
        directory.scim.delete(&format!("/Users/{}", id(&answer.json()))).await.expect(204);
        directory.scim.post("/Users", &body).await.expect(201);
    }

    async fn wrong_places(app: &App) {
        let directory = Directory::new(app).await;
        let scim = &directory.scim;
        for path in ["/Things", "/Users/a/b", "/Users/a/b/c", "/Bulk/x", "/Me/x", "/../Users", "/Schemas/a/b"]
        {
            let answer = scim.get(path).await.expect(404).json();
            assert!(text(&answer["detail"]).contains("Users"), "it says what there is: {answer}");
        }
        for path in ["/Schemas/urn:unheard-of", "/ResourceTypes/Thing", "/Users/..%2f.."] {
            scim.get(path).await.expect(404);
        }
        for (path, allowed) in [
            ("/Users", &["GET", "POST"][..]),
            ("/Groups", &["GET", "POST"]),
            ("/Users/x", &["GET", "PUT", "PATCH", "DELETE"]),
            ("/", &["GET"]),
            ("/.search", &["POST"]),
            ("/Users/.search", &["POST"]),
            ("/Bulk", &["POST"]),
            ("/ServiceProviderConfig", &["GET"]),
            ("/ResourceTypes", &["GET"]),
            ("/ResourceTypes/User", &["GET"]),
            ("/Schemas", &["GET"]),
            ("/Schemas/x", &["GET"]),
        ] {
            for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"] {
                if allowed.contains(&method) {
                    continue;
                }
                let refusal = Refusal { status: 405, kind: None, words: &[method] };
                let answer = directory.refuses(&scim.request(method, path), &refusal).await;
                let mut allow: Vec<_> = answer.header("allow").unwrap().split(", ").collect();
                allow.sort_unstable();
                let mut expected = allowed.to_vec();
                expected.sort_unstable();
                assert_eq!(allow, expected, "{method} {path}");
            }
        }
    }

    async fn wrong_types_of_body(app: &App) {
        let directory = Directory::new(app).await;
        let body = user("another").to_string();
        for kind in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/xml",
            "multipart/form-data; boundary=x",
            "application/jsonp",
            "nonsense",
        ] {
            for (method, path) in [
                ("POST", "/Users".to_owned()),
                ("PUT", directory.user_path()),
                ("PATCH", directory.user_path()),
                ("POST", "/Bulk".to_owned()),
                ("POST", "/.search".to_owned()),
            ] {
                let request =
                    directory.scim.request(method, &path).header("Content-Type", kind).body(body.clone());
                let refusal = Refusal { status: 415, kind: None, words: &["application/scim+json"] };
                directory.refuses(&request, &refusal).await;
            }
        }
        for kind in ["application/json", "application/scim+json; charset=utf-8", "APPLICATION/JSON"] {
            let request =
                directory.scim.request("POST", "/Users").header("Content-Type", kind).body(body.clone());
            let made = directory.scim.send(&request).await.expect(201).json();
            directory.scim.delete(&format!("/Users/{}", id(&made))).await.expect(204);
        }
        let silent = directory.scim.request("POST", "/Users").body(body);
        directory.scim.send(&silent).await.expect(201);
    }
}

/// Sends a body whose length is not announced.
async fn chunked(scim: &Scim, method: &str, path: &str, body: &[u8]) -> Answer {
    let target = format!("{}{path}", scim.base);
    let mut wire = format!(
        "{method} {target} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Type: application/scim+json\r\n\
         Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
        scim.address, scim.token
    )
    .into_bytes();
    for chunk in body.chunks(50_000) {
        wire.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        wire.extend_from_slice(chunk);
        wire.extend_from_slice(b"\r\n");
    }
    wire.extend_from_slice(b"0\r\n\r\n");
    let answer = send_bytes(scim.address, &wire, &format!("{method} {target}, chunked"), method).await;
    check_contract(&Request::new(method, &target), &answer);
    answer
}
