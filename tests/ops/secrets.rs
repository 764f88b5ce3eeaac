//! No secret is where it does not belong: a whole run of the real program with everything it logs, after which
//! output, files, tables and answers are searched for every token, password, cookie and code that was used.

mod people;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::idp::player::Player;
use crate::ops::tap::Tap;
use crate::support::backend::{Backend, Database};
use crate::support::console::Console;
use crate::support::furniture::PASSWORD;
use crate::support::http::{Request, send};
use crate::support::program::{Server, run, run_with_input};
use crate::support::scim::{GROUP, PATCH_OP, Scim, USER, text};

const ONELOGIN: &str = include_str!("../fixtures/idp/onelogin-our-template.json");
/// Close to the right one, so as much of a secret.
const MISTYPED: &str = "correct-horse-battery-stapel-9";

/// Something that must not be found, and in how many answers it has to be all the same.
struct Secret {
    what: String,
    needles: Vec<String>,
    answers: usize,
    /// How often the program may print it: the set-up link.
    printed: usize,
    raw: Option<Vec<u8>>,
}

impl Secret {
    fn new(what: &str, secret: &str, answers: usize, printed: usize) -> Self {
        Self { what: what.to_owned(), needles: needles(secret), answers, printed, raw: None }
    }

    /// The random part of a token. A piece of it is a leak too, so pieces are looked for.
    fn token(what: &str, token: &str, answers: usize) -> Self {
        let secret = token.rsplit('_').next().unwrap();
        let pieces = [secret, &secret[..20], &secret[20..40]];
        let needles = pieces.iter().flat_map(|piece| needles(piece)).collect();
        Self { what: what.to_owned(), needles, answers, printed: 0, raw: None }
    }

    /// Bytes that are no text.
    fn bytes(what: &str, bytes: &[u8]) -> Self {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut needles = vec![hex.to_uppercase(), hex];
        for before in 0..3 {
            let shifted = [&vec![0; before][..], bytes].concat();
            let (from, to) = ((before * 8_usize).div_ceil(6), shifted.len() * 8 / 6);
            needles.extend(
                [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD]
                    .map(|engine| engine.encode(&shifted)[from..to].to_owned()),
            );
        }
        Self { what: what.to_owned(), needles, answers: 0, printed: 0, raw: Some(bytes.to_vec()) }
    }

    fn is_in(&self, bytes: &[u8]) -> bool {
        let text = String::from_utf8_lossy(bytes);
        let raw = self.raw.as_ref().is_some_and(|raw| bytes.windows(raw.len()).any(|part| part == raw));
        raw || self.needles.iter().any(|needle| text.contains(needle))
    }
}

/// A text as it is, in hexadecimal, and in base64 at every place that it can have within another text.
fn needles(secret: &str) -> Vec<String> {
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut needles = vec![secret.to_owned(), hex.to_uppercase(), hex];
    for before in 0..3 {
        let shifted = [&vec![0; before][..], secret.as_bytes()].concat();
        // The characters at both ends depend on the neighbours.
        let (from, to) = ((before * 8).div_ceil(6), shifted.len() * 8 / 6);
        for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            needles.push(engine.encode(&shifted)[from..to].to_owned());
        }
    }
    needles
}

#[test]
fn the_search_finds_what_is_encoded() {
    let secret = Secret::new("x", "a secret, not a long one?", 0, 0);
    for before in ["", "1", "12", "123"] {
        let text = format!("{before}a secret, not a long one?and more");
        let hex: String = text.bytes().map(|byte| format!("{byte:02X}")).collect();
        for found in [text.clone(), STANDARD_NO_PAD.encode(&text), URL_SAFE_NO_PAD.encode(&text), hex] {
            assert!(secret.is_in(found.as_bytes()), "{found}");
        }
    }
    assert!(!secret.is_in(b"another secret, not a long one"));
}

/// A run of the program and what was used in it.
struct Scene {
    database: Database,
    server: Server,
    tap: Tap,
    console: Console,
    secrets: Vec<Secret>,
}

impl Scene {
    async fn open(backend: Backend) -> Self {
        let database = tokio::task::spawn_blocking(move || backend.empty()).await.unwrap();
        run(database.folder.path(), &["migrate", "--database", &database.url]).done();
        let everything = ["--database", &database.url, "--log", "trace", "--log-format", "json"];
        let mut server = Server::start(database.folder.path(), &everything).await;
        server.wait_until("a set-up link", |output| output.contains("/setup/")).await;
        let output = server.output();
        let (_, code) = output.split_once("/setup/").unwrap();
        let code = code.split_whitespace().next().unwrap().to_owned();
        let tap = Tap::on(server.address).await;
        let console = Console::new(tap.address);
        let mut scene = Self { database, server, tap, console, secrets: Vec::new() };
        scene.become_owner(&code).await;
        scene
    }

    /// The set-up link, with a mistake first; the form leads to the link itself.
    async fn become_owner(&mut self, code: &str) {
        let page = self.console.visit(&format!("/setup/{code}")).await;
        let form = page.form_with("password").with("name", "olga").with("again", PASSWORD);
        let refused = self.console.submit(&page, &form.clone().with("password", MISTYPED)).await;
        assert_eq!(refused.answer.status, 422);
        let inside = self.console.submit(&page, &form.with("password", PASSWORD)).await;
        assert_eq!(inside.path, "/admin/?done=welcome");
        self.console.visit(&format!("/setup/{code}")).await;
        self.secrets.push(Secret::new("the set-up code", code, 2, 1));
        self.secrets.push(Secret::new("the password", PASSWORD, 0, 0));
        self.secrets.push(Secret::new("the mistyped password", MISTYPED, 0, 0));
        self.note_cookie("the first session");
    }

    fn note_cookie(&mut self, what: &str) {
        let [value] = self.console.cookies.values().collect::<Vec<_>>()[..] else { panic!("one cookie") };
        self.secrets.push(Secret::new(what, value, 1, 0));
    }

    async fn sign_out_and_in(&mut self) {
        let page = self.console.visit("/admin/").await;
        self.console.submit(&page, &page.form_with("Sign out")).await;
        assert_eq!(self.console.sign_in("olga", MISTYPED).await.answer.status, 422);
        assert_eq!(self.console.sign_in("olga", PASSWORD).await.path, "/admin/");
        self.note_cookie("the second session");
    }

    /// An endpoint made in the console, whose token one answer shows.
    async fn endpoint_of_the_console(&mut self) -> Scim {
        let page = self.console.visit("/admin/endpoints/new").await;
        let form = page.form_with("request_key").with("idp", "onelogin").with("name", "OneLogin");
        let shown = self.console.submit(&page, &form).await;
        let token = regex_lite::Regex::new("scim_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}").unwrap();
        let token = token.find(&shown.html()).expect("the token").as_str().to_owned();
        self.secrets.push(Secret::token("the console's token", &token, 1));
        Scim { address: self.tap.address, base: "/scim/onelogin/v2".to_owned(), token }
    }

    fn command(&self, arguments: &[&str]) -> Value {
        let all = [arguments, &["--json", "--database", &self.database.url]].concat();
        run(self.database.folder.path(), &all).json()
    }

    /// A token by command; what a command prints is its operator's.
    fn token_by_command(&mut self, what: &str, arguments: &[&str]) -> String {
        let made = self.command(arguments);
        let token = text(made.pointer("/token/secret").unwrap_or(&made["secret"]));
        self.secrets.push(Secret::token(what, &token, 0));
        token
    }

    /// Where else secrets turned up, a line each.
    async fn close(self) -> Vec<String> {
        let (status, output) = self.server.stop("TERM").await;
        assert!(status.success(), "{output}");
        assert!(output.lines().count() > 100, "this run logs:\n{output}");
        let dump = self.database.dump();
        assert!(
            dump.iter().map(|(_, bytes)| bytes.len()).sum::<usize>() > 1000,
            "there is something to search"
        );
        let answers = self.tap.answers();
        let mut found = Vec::new();
        for secret in &self.secrets {
            for (name, _) in dump.iter().filter(|(_, bytes)| secret.is_in(bytes)) {
                found.push(format!("{} in the database: {name}", secret.what));
            }
            let lines: Vec<_> = output.lines().filter(|line| secret.is_in(line.as_bytes())).collect();
            if lines.len() != secret.printed {
                found.push(format!("{} in the output: {lines:?}", secret.what));
            }
            let telling: Vec<_> = answers.iter().filter(|answer| secret.is_in(answer)).collect();
            if telling.len() != secret.answers {
                let shown = telling.iter().map(|answer| String::from_utf8_lossy(answer));
                let shown: Vec<_> =
                    shown.map(|answer| answer.chars().take(1500).collect::<String>()).collect();
                found.push(format!("{} in {} answers: {shown:#?}", secret.what, telling.len()));
            }
        }
        found
    }
}

/// Requests with a token where none belongs.
fn pasted(base: &str, good: &str, token: &str) -> Vec<Request> {
    let with = |method: &str, target: String| Request::new(method, &target).bearer(good);
    let quoted: String =
        form_urlencoded::byte_serialize(format!("userName eq \"{token}").as_bytes()).collect();
    let mut requests = vec![
        Request::new("GET", &format!("{base}/Users")).bearer(token),
        Request::new("GET", &format!("{base}/Users")).header("Authorization", token),
        Request::new("GET", &format!("{base}/Users")).header("Authorization", &format!("Token {token}")),
        Request::new("GET", &format!("{base}/Users"))
            .header("Authorization", &format!("Bearer  \"{token}\"")),
        Request::new("GET", &format!("{base}/Users")).header(
            "Authorization",
            &format!("Basic {}", STANDARD_NO_PAD.encode(format!("{token}:{token}"))),
        ),
        Request::new("GET", &format!("{base}/Users?access_token={token}")),
        Request::new("GET", &format!("/scim/{token}/v2/Users")).bearer(good),
        Request::new("GET", &format!("/{token}")),
        Request::new("GET", &format!("/setup/{token}")),
    ];
    for target in [
        format!("{base}/Users/{token}"),
        format!("{base}/{token}"),
        format!("{base}/{token}/{token}"),
        format!("{base}/Users/x%2F{token}"),
        format!("{base}/Users/{}", token.replace('_', "%5F")),
        format!("{base}/{}", token.replace('_', "%255f")),
        format!("{base}/Users?sortBy={}", token.replace('_', "%255F")),
        format!("{base}/{}/{token}", "x".repeat(290)),
        format!("{base}/Users?access_token={token}"),
        format!("{base}/Users?filter={quoted}"),
        format!("{base}/Users?filter={token}+eq+%22x%22"),
        format!("{base}/Users?filter=userName+{token}+%22x%22"),
        format!("{base}/Users?attributes={token}"),
        format!("{base}/Users?sortBy={token}"),
        format!("{base}/Users?startIndex={token}"),
        format!("{base}/Users?cursor={token}"),
        format!("{base}/Schemas/{token}"),
        format!("{base}/ResourceTypes/{token}"),
    ] {
        requests.push(with("GET", target));
    }
    let plain = || with("GET", format!("{base}/Users?count=1"));
    for header in ["User-Agent", "If-None-Match", "Accept", "X-Request-Id", "X-Forwarded-For", "Cookie"] {
        requests.push(plain().header(header, token));
    }
    let post = |path: &str| with("POST", format!("{base}{path}"));
    requests.push(
        post("/Users").body(format!("{{\"userName\": {token}}}")).header("Content-Type", "application/json"),
    );
    requests.push(post("/Users").body(token).header("Content-Type", "text/plain"));
    requests.push(post("/Users").body("{}").header("Content-Type", token));
    for body in [
        json!({"schemas": [token], "userName": "x"}),
        json!({"schemas": [USER], "userName": {"a": token}}),
        json!({"schemas": [USER], "userName": "x", "active": token}),
        json!({"schemas": [USER], "userName": "x", "emails": [[token]]}),
        json!({"schemas": [USER], token: "x"}),
        json!({"schemas": [USER, token], token: {"a": "b"}}),
        json!(token),
        json!([token]),
    ] {
        requests.push(post("/Users").json(&body));
    }
    requests.push(post("/Groups").json(&json!({"schemas": [GROUP], "displayName": {"a": token}})));
    for operation in [
        json!({"op": token, "path": "userName", "value": "x"}),
        json!({"op": "replace", "path": token, "value": "x"}),
        json!({"op": "replace", "path": format!("emails[{token} eq 1]"), "value": "x"}),
        json!({"op": "replace", "value": {token: "x"}}),
        json!({"op": "add", "path": "active", "value": token}),
    ] {
        let body = json!({"schemas": [PATCH_OP], "Operations": [operation]});
        requests.push(with("PATCH", format!("{base}/Users/nobody")).json(&body));
    }
    requests.push(
        with("PUT", format!("{base}/Users/{token}")).json(&json!({"schemas": [USER], "userName": "x"})),
    );
    requests.push(with("DELETE", format!("{base}/Users/{token}")));
    requests
}

async fn a_whole_run(backend: Backend) {
    if !backend.available() {
        return;
    }
    let mut scene = Scene::open(backend).await;
    scene.sign_out_and_in().await;
    let scim = scene.endpoint_of_the_console().await;
    Player::new(ONELOGIN, scene.tap.address, &scim.base, &scim.token).play().await;
    for path in
        ["", "endpoints/onelogin/connect", "endpoints/onelogin/tokens", "endpoints/onelogin/users", "account"]
    {
        assert_eq!(scene.console.visit(&format!("/admin/{path}")).await.answer.status, 200, "{path}");
    }

    scene.people().await;
    let foreign = scene.token_by_command("a token of another endpoint", &["endpoint", "create", "Foreign"]);
    let revoked = scene.token_by_command("a revoked token", &["token", "issue", "onelogin"]);
    scene.command(&["token", "revoke", &revoked, "--yes"]);
    let reset = [
        "operator",
        "create",
        "ann",
        "--role",
        "admin",
        "--password-stdin",
        "--database",
        &scene.database.url,
    ];
    run_with_input(scene.database.folder.path(), &reset, PASSWORD).done();
    // A client of OAuth: what it gets stands in one answer.
    let client = scene.command(&["oauth", "client", "add", "onelogin"]);
    let (id, secret) = (text(&client["client_id"]), text(&client["client_secret"]));
    scene.secrets.push(Secret::token("the client's secret", &secret, 0));
    let asks = Request::new("POST", "/scim/onelogin/oauth/token")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(format!("grant_type=client_credentials&client_id={id}&client_secret={secret}"));
    let access = loop {
        let answer = send(scene.tap.address, &asks).await;
        if answer.status == 200 {
            break text(&answer.json()["access_token"]);
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    scene.secrets.push(Secret::token("an access token", &access, 1));
    let last = if foreign.ends_with('a') { "b" } else { "a" };
    let mistyped = format!("{}{last}", &foreign[..foreign.len() - 1]);
    for token in [&foreign, &revoked, &mistyped, &secret, &access] {
        for request in pasted(&scim.base, &scim.token, token) {
            let answer = send(scene.tap.address, &request).await;
            assert!(answer.status < 500, "{answer:#}");
        }
        // A token in the place of the password.
        assert_eq!(Console::new(scene.tap.address).sign_in("olga", token).await.answer.status, 422);
    }
    let page = scene.console.visit("/admin/endpoints/onelogin/tokens").await;
    assert_eq!(page.answer.status, 200, "the failed attempts are explained there");
    scene.console.visit("/admin/endpoints/onelogin/connect").await;
    for path in ["/metrics", "/healthz", "/readyz", "/admin/endpoints/onelogin/evidence"] {
        scene.console.visit(path).await;
    }
    let mut found = scene.backup();
    found.extend(scene.close().await);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[tokio::test]
async fn a_whole_run_keeps_its_secrets_sqlite() {
    a_whole_run(Backend::Sqlite).await;
}

#[tokio::test]
async fn a_whole_run_keeps_its_secrets_postgres() {
    a_whole_run(Backend::Postgres).await;
}
