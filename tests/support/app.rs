//! A server of a test's own: what `main` starts, on a free port, with a clock that the test moves.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use endpoint_store::sealed::KeySource;
use scim_server::config::{Config, LogFormat};
use scim_server::proxies::Proxies;
use scim_server::{Stopper, build};

use crate::support::backend::{Backend, Database};
use crate::support::console::Console;
use crate::support::furniture::{Endpoint, Furniture};
use crate::support::http::{Request, send};
use crate::support::program::{Output, run};
use crate::support::scim::{Scim, text};

/// What another process changed is seen within a second; a test waits longer before it calls that a failure.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running server with a database of its own.
pub(crate) struct App {
    address: SocketAddr,
    setup_link: Option<String>,
    database: Database,
    furniture: Option<Furniture>,
    /// Milliseconds that this server's clock is ahead.
    ahead: Arc<AtomicI64>,
    stopper: Stopper,
    thread: JoinHandle<()>,
}

impl App {
    /// A server with an owner, endpoints and tokens; `None` where the database is not there (and need not be).
    pub(crate) async fn furnished(backend: Backend) -> Option<Self> {
        if !backend.available() {
            return None;
        }
        let (database, furniture) = tokio::task::spawn_blocking(move || backend.furnished()).await.unwrap();
        Some(Self::start(database, Some(furniture)).await)
    }

    /// A server that nobody has used yet.
    pub(crate) async fn new(backend: Backend) -> Option<Self> {
        if !backend.available() {
            return None;
        }
        let database = tokio::task::spawn_blocking(move || {
            let database = backend.empty();
            run(database.folder.path(), &["migrate", "--database", &database.url]).done();
            database
        });
        Some(Self::start(database.await.unwrap(), None).await)
    }

    /// A server on a database that another one has left.
    pub(crate) async fn again(database: Database, furniture: Furniture) -> Self {
        Self::start(database, Some(furniture)).await
    }

    async fn start(database: Database, furniture: Option<Furniture>) -> Self {
        Self::start_ahead(database, furniture, 0).await
    }

    async fn start_ahead(database: Database, furniture: Option<Furniture>, ahead: i64) -> Self {
        let ahead = Arc::new(AtomicI64::new(ahead));
        let config = config(&database.url, ahead.clone());
        let (started, starting) = tokio::sync::oneshot::channel();
        // The server has a runtime of its own, as in `main`; the test's runtime is the client's.
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let app = build(config).await.unwrap_or_else(|error| panic!("{error}"));
                let link = app.setup_link().map(str::to_owned);
                started.send((app.address(), link, app.stopper())).unwrap_or_else(|_| panic!("nobody waits"));
                app.run().await.unwrap();
            });
        });
        let (address, setup_link, stopper) = starting.await.expect("the server starts");
        Self { address, setup_link, database, furniture, ahead, stopper, thread }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn setup_link(&self) -> Option<&str> {
        self.setup_link.as_deref()
    }

    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    pub(crate) fn furniture(&self) -> &Furniture {
        self.furniture.as_ref().expect("a furnished database")
    }

    /// The path of an endpoint's SCIM base URL.
    pub(crate) fn base_path(&self, endpoint: &Endpoint) -> String {
        format!("/scim/{}/v2", endpoint.slug)
    }

    /// A SCIM client of an endpoint.
    pub(crate) fn scim(&self, endpoint: &Endpoint) -> Scim {
        Scim { address: self.address, base: self.base_path(endpoint), token: endpoint.token.clone() }
    }

    /// A SCIM client of the endpoint that most tests use, preset `generic`.
    pub(crate) fn generic(&self) -> Scim {
        self.scim(&self.furniture().generic)
    }

    /// A visitor of the console.
    pub(crate) fn console(&self) -> Console {
        Console::new(self.address)
    }

    /// Runs a command of the program on this server's database, while it serves.
    pub(crate) async fn program(&self, arguments: &[&str]) -> Output {
        let folder = self.database.folder.path().to_owned();
        let mut all: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        all.extend(["--database".to_owned(), self.database.url.clone()]);
        tokio::task::spawn_blocking(move || {
            let all: Vec<&str> = all.iter().map(String::as_str).collect();
            run(&folder, &all)
        })
        .await
        .unwrap()
    }

    /// An endpoint made by the command line, once the server knows it.
    pub(crate) async fn fresh_endpoint(&self, idp: &str) -> Endpoint {
        let made = self
            .program(&["endpoint", "create", &format!("Fresh {idp}"), "--idp", idp, "--json"])
            .await
            .json();
        let endpoint = Endpoint {
            id: text(&made["id"]),
            slug: text(&made["slug"]),
            token: text(&made["token"]["secret"]),
            token_id: text(&made["token"]["id"]),
        };
        let request = self.scim(&endpoint).request("GET", "/ServiceProviderConfig");
        self.until(&request, 200).await;
        endpoint
    }

    /// Repeats a request until it is answered with this status: for what other processes change.
    pub(crate) async fn until(&self, request: &Request, status: u16) {
        let begun = Instant::now();
        loop {
            let answer = send(self.address, request).await;
            if answer.status == status {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "still {answer:#} instead of {status}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Moves the server's clock forward.
    pub(crate) fn advance(&self, by: Duration) {
        self.ahead.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }

    /// The same server later: stopped, and started again when its clock says so much more.
    pub(crate) async fn restarted(self, later: Duration) -> Self {
        let furniture = self.furniture.clone();
        let ahead = self.ahead.load(Ordering::SeqCst) + i64::try_from(later.as_millis()).unwrap();
        Self::start_ahead(self.stop().await, furniture, ahead).await
    }

    /// What the server's clock says, in milliseconds.
    #[expect(clippy::disallowed_methods, reason = "a test's clock is the system's, moved by the test")]
    pub(crate) fn now(&self) -> i64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        i64::try_from(now).unwrap() + self.ahead.load(Ordering::SeqCst)
    }

    /// Moves it back.
    pub(crate) fn retreat(&self, by: Duration) {
        self.ahead.fetch_sub(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }

    /// Stops the server as SIGTERM does, and waits until it has written everything. The database goes away after it.
    pub(crate) async fn stop(self) -> Database {
        self.stopper.stop().await;
        let thread = self.thread;
        tokio::task::spawn_blocking(move || thread.join())
            .await
            .unwrap()
            .expect("the server ends without a panic");
        self.database
    }
}

/// On SQLite the file beside the database, as by default; on PostgreSQL, where one must be set, this one.
pub(crate) fn keys(database: &str) -> KeySource {
    if database.starts_with("sqlite:") {
        return KeySource::Default;
    }
    KeySource::from_text(KEY).unwrap()
}

/// A key, as SCIM_KEY holds it.
pub(crate) const KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

#[expect(clippy::disallowed_methods, reason = "a test's clock is the system's, moved by the test")]
fn config(database: &str, ahead: Arc<AtomicI64>) -> Config {
    let clock = move || {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        i64::try_from(now).unwrap() + ahead.load(Ordering::SeqCst)
    };
    Config {
        database: database.parse().unwrap(),
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        console_listen: None,
        public_url: None,
        tls: None,
        // The tests themselves: what they say about where they come from is believed.
        trusted_proxies: Proxies::parse("127.0.0.1").unwrap(),
        rate: None,
        failed_rate: None,
        connections: endpoint_store::CONNECTIONS,
        keys: keys(database),
        webhook_allow_private: true,
        otlp: None,
        log: "warn".to_owned(),
        log_format: LogFormat::Text,
        clock: endpoint_admin::Clock(Arc::new(clock)),
    }
}
