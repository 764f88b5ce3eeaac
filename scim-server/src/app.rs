//! The whole server, built from its configuration. `main` and the tests start the same one.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::middleware::from_fn;
use actix_web::{App as HttpApp, HttpRequest, HttpResponse, HttpServer, web};
use endpoint_admin::{Clock, Console, PublicUrl};
use endpoint_store::{Store, StoreError, operators};
use endpoint_targets::{deliver::Deliverer, webhook::Sender};
use tokio::sync::Notify;

use crate::about::about;
use crate::api::{self, Api};
use crate::config::{Config, Tls};
use crate::limits::{FailingAddresses, RateLimits};
use crate::metrics::{self, Metrics};
use crate::middleware::observe;
use crate::proxies::Proxies;
use crate::scim::{self, Scim};
use crate::traces::Traces;
use crate::verify::Verifier;
use crate::{health, jobs};

/// How long requests under way may take to end when the server stops, in seconds.
const DRAIN: u64 = 15;
/// How long a client may leave an answer unread before its connection is closed.
#[cfg(target_os = "linux")]
const READER_PATIENCE: Duration = Duration::from_secs(30);
/// How often counted uses are written.
const TICK: Duration = Duration::from_millis(300);
/// With every tenth of these ticks, also what is counted by endpoint and hour.
const HOURS: u64 = 10;
/// How long a set-up link lives, in milliseconds.
const SETUP_LIFETIME: i64 = 24 * 3600 * 1000;

/// Why the server did not start, in one sentence each.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database.
    #[error("cannot use the database {url}: {error}")]
    Database {
        /// Which one; without credentials.
        url: String,
        /// Why.
        error: StoreError,
    },
    /// The address to listen on.
    #[error("cannot listen on {address}: {error}; choose another address with --listen or --console-listen")]
    Listen {
        /// Which one.
        address: SocketAddr,
        /// Why.
        error: std::io::Error,
    },
    /// What is counted for whoever watches.
    #[error("cannot count what is measured: {0}")]
    Metrics(String),
    /// The keys for secrets that must be read again.
    #[error("{0}")]
    Keys(String),
    /// The collector of traces.
    #[error("cannot send traces: {0}")]
    Traces(String),
    /// The certificate or its key.
    #[error("cannot serve TLS: {0}")]
    Tls(String),
}

/// A server that listens, but does not answer before [`App::run`].
pub struct App {
    address: SocketAddr,
    console_base: String,
    public_url: PublicUrl,
    setup_link: Option<String>,
    servers: Vec<Server>,
    counted: Counted,
    store: Store,
    deliverer: Deliverer,
    clock: Clock,
    sender: Sender,
    traces: Option<Traces>,
    /// This process, among those that share the database.
    holder: String,
}

/// Stops a running [`App`].
#[derive(Clone)]
pub struct Stopper {
    handles: Vec<ServerHandle>,
    store: Store,
}

impl Stopper {
    /// Takes no new requests and waits for those under way.
    pub async fn stop(self) {
        // Who waits for changes would keep the server from ending.
        self.store.pulse().close();
        for handle in self.handles {
            handle.stop(true).await;
        }
    }

    /// Cuts off what is under way.
    pub async fn abort(self) {
        for handle in self.handles {
            handle.stop(false).await;
        }
    }
}

/// Opens the store, binds the addresses, and puts everything together.
///
/// # Errors
/// [`StartError`]; nothing is left running.
pub async fn build(config: Config) -> Result<App, StartError> {
    let failed = |error| StartError::Database { url: config.database.to_string(), error };
    let listener = listen(config.listen)?;
    let console_listener = config.console_listen.map(listen).transpose()?;
    let store =
        Store::open_sealed(&config.database, config.connections, config.keys.clone()).map_err(failed)?;
    store.keyring().check().map_err(|error| StartError::Keys(error.to_string()))?;
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    let address = address_of(&listener, config.listen)?;
    let public_url = PublicUrl::new(&config.public_url_at(address));
    let console_base = match &console_listener {
        Some(own) => format!("{scheme}://{}", address_of(own, config.listen)?),
        None => public_url.as_str().to_owned(),
    };
    let code = open_setup(&store, config.clock.now()).await.map_err(failed)?;
    let setup_link = code.map(|code| format!("{console_base}/setup/{code}"));
    let time = config.clock.clone();
    let deliverer = Deliverer::new(store.clone(), std::sync::Arc::new(move || time.now()));
    deliverer.refresh().await.map_err(failed)?;
    let secure = public_url.is_https() || config.tls.is_some();
    let sender = Sender::new(config.webhook_allow_private);
    let holder = jobs::holder();
    let console = Console::new(
        store.clone(),
        public_url.clone(),
        config.clock.clone(),
        secure,
        (sender.clone(), deliverer.clone()),
    )
    .reached_at(PublicUrl::new(&console_base))
    .about(about(&config, &holder));
    let verifier = Verifier::new(store.clone(), config.clock.clone());
    let console = console.verifying(Arc::new(verifier.clone()));
    let counted = Counted {
        store: store.clone(),
        metrics: Metrics::new().map_err(|error| StartError::Metrics(error.to_string()))?,
        addresses: Arc::new(FailingAddresses::new(config.failed_rate)),
    };
    let traces = config.otlp.as_deref().map(Traces::new).transpose().map_err(StartError::Traces)?;
    let parts = Parts {
        traces: traces.clone(),
        metrics: web::Data::new(metrics::Door {
            metrics: counted.metrics.clone(),
            store: store.clone(),
            clock: config.clock.clone(),
            addresses: counted.addresses.clone(),
        }),
        api: web::Data::new(Api {
            store: store.clone(),
            public_url: public_url.clone(),
            console_url: PublicUrl::new(&console_base),
            clock: config.clock.clone(),
            rates: RateLimits::new(config.rate),
            addresses: counted.addresses.clone(),
            metrics: counted.metrics.clone(),
            hasher: console.hasher(),
            sender: sender.clone(),
            deliverer: deliverer.clone(),
            verifier,
        }),
        scim: web::Data::new(Scim {
            store: store.clone(),
            public_url: public_url.clone(),
            clock: config.clock.clone(),
            rates: RateLimits::new(config.rate),
            addresses: counted.addresses.clone(),
            metrics: counted.metrics.clone(),
            deliverer: deliverer.clone(),
        }),
        console,
        proxies: config.trusted_proxies.clone(),
    };
    let servers = match console_listener {
        None => vec![serve(&parts, Mount::Everything, listener, config.tls.as_ref())?],
        Some(own) => vec![
            serve(&parts, Mount::Scim, listener, config.tls.as_ref())?,
            serve(&parts, Mount::Console, own, config.tls.as_ref())?,
        ],
    };
    let clock = config.clock;
    Ok(App {
        address,
        console_base,
        public_url,
        setup_link,
        servers,
        counted,
        store,
        clock,
        sender,
        deliverer,
        traces,
        holder,
    })
}

impl App {
    /// Where SCIM is served; the port is the real one.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The console's first page.
    pub fn console_url(&self) -> String {
        format!("{}/admin/", self.console_base)
    }

    /// The prefix of every SCIM base URL that is handed out.
    pub fn public_url(&self) -> &PublicUrl {
        &self.public_url
    }

    /// The one-use link that makes the first owner, until there is one.
    pub fn setup_link(&self) -> Option<&str> {
        self.setup_link.as_deref()
    }

    /// The handle that stops it.
    pub fn stopper(&self) -> Stopper {
        let handles = self.servers.iter().map(Server::handle).collect();
        Stopper { handles, store: self.store.clone() }
    }

    /// Answers requests until stopped, then writes what was only counted in memory.
    ///
    /// # Errors
    /// When the server cannot start its workers.
    pub async fn run(self) -> std::io::Result<()> {
        let watching = self.store.watch().map_err(std::io::Error::other)?;
        let enough = Arc::new(Notify::new());
        let ticking = actix_web::rt::spawn(tick(self.counted.clone(), enough.clone()));
        let holder = self.holder;
        let work = jobs::run(self.store.clone(), self.clock, self.sender, holder.clone());
        let working = actix_web::rt::spawn(work);
        let delivering = actix_web::rt::spawn(self.deliverer.run());
        let running: Vec<_> = self.servers.into_iter().map(actix_web::rt::spawn).collect();
        let mut outcome = Ok(());
        for server in running {
            let ended = server.await.unwrap_or_else(|e| Err(std::io::Error::other(e)));
            outcome = outcome.and(ended);
        }
        // Not broken off: what it has taken to write is nowhere else.
        enough.notify_one();
        let _ = ticking.await;
        working.abort();
        let _ = working.await;
        delivering.abort();
        jobs::release(&self.store, holder).await;
        drop(watching);
        self.counted.take_floods();
        if let Err(error) = self.store.flush_usage().await {
            tracing::warn!(%error, "the last token uses could not be written");
        }
        while self.counted.store.flush_requests().await.unwrap_or_else(|error| {
            tracing::warn!(%error, "the last requests could not be written into their log");
            false
        }) {}
        self.store.close().await;
        if let Some(traces) = self.traces {
            traces.close().await;
        }
        outcome
    }
}

#[derive(Clone)]
struct Parts {
    scim: web::Data<Scim>,
    console: Console,
    api: web::Data<Api>,
    metrics: web::Data<metrics::Door>,
    proxies: Proxies,
    traces: Option<Traces>,
}

/// What is counted in memory.
#[derive(Clone)]
struct Counted {
    store: Store,
    metrics: Metrics,
    addresses: Arc<FailingAddresses>,
}

impl Counted {
    /// Tells the endpoints concerned how much was not looked at.
    fn take_floods(&self) {
        for flood in self.addresses.sweep() {
            if let Some(endpoint) = flood.endpoint {
                self.store.usage().flooded(endpoint, flood.last, flood.times);
            }
        }
    }
}

/// What an address serves. Health is everywhere.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mount {
    Everything,
    Scim,
    Console,
}

fn serve(
    parts: &Parts,
    mount: Mount,
    listener: TcpListener,
    tls: Option<&Tls>,
) -> Result<Server, StartError> {
    let parts = parts.clone();
    let server = HttpServer::new(move || {
        let parts = parts.clone();
        let app = HttpApp::new().app_data(parts.proxies.clone()).app_data(parts.scim.metrics.clone());
        let traces = parts.traces.clone();
        app.wrap(from_fn(observe)).configure(|cfg| {
            cfg.app_data(web::Data::new(parts.scim.store.clone())).configure(health::configure);
            metrics::configure(cfg, parts.metrics);
            traces.map(|traces| cfg.app_data(traces));
            if mount != Mount::Console {
                scim::configure(cfg, parts.scim);
                cfg.default_service(web::to(elsewhere));
            }
            if mount == Mount::Scim {
                endpoint_admin::configure_guests(cfg, parts.console);
            } else {
                api::configure(cfg, parts.api);
                endpoint_admin::configure(cfg, parts.console);
            }
        })
    })
    .disable_signals()
    .shutdown_timeout(DRAIN);
    let server = match tls {
        Some(tls) => {
            let tls = crate::tls::load(tls).map_err(StartError::Tls)?;
            server.listen_rustls_0_23(listener, tls)
        }
        None => server.listen(listener),
    };
    Ok(server.map_err(|e| StartError::Tls(e.to_string()))?.run())
}

/// The door of SCIM alone, on a port of this machine, and where it is.
pub(crate) struct Door {
    pub(crate) address: SocketAddr,
    pub(crate) server: Server,
}

/// Puts the door of SCIM before a store that is not the installation's. Without metrics to count in, nothing of it is logged
/// either, and nobody has to wait there.
pub(crate) async fn open_door(store: Store, clock: Clock) -> Result<Door, StartError> {
    let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
    let listener = listen(anywhere)?;
    let address = address_of(&listener, anywhere)?;
    let time = clock.clone();
    let scim = web::Data::new(Scim {
        deliverer: Deliverer::new(store.clone(), Arc::new(move || time.now())),
        store,
        public_url: PublicUrl::new(&format!("http://{address}")),
        clock,
        rates: RateLimits::new(None),
        addresses: Arc::new(FailingAddresses::new(None)),
        metrics: Metrics::new().map_err(|error| StartError::Metrics(error.to_string()))?,
    });
    let make = move || {
        let scim = scim.clone();
        HttpApp::new().wrap(from_fn(observe)).configure(|cfg| {
            scim::configure(cfg, scim);
            cfg.default_service(web::to(elsewhere));
        })
    };
    let server = HttpServer::new(make).workers(1).disable_signals().listen(listener);
    let server = server.map_err(|error| StartError::Listen { address, error })?.run();
    Ok(Door { address, server })
}

/// A path that nothing serves.
async fn elsewhere(req: HttpRequest, payload: web::Payload, scim: web::Data<Scim>) -> HttpResponse {
    if scim::is_ours(req.path()) {
        return scim::door(req, payload, scim).await;
    }
    scim::note_astray(&scim, &req);
    let text =
        "There is nothing here. The console is at /admin/, a SCIM base URL looks like /scim/{endpoint}/v2.\n";
    HttpResponse::NotFound().content_type("text/plain; charset=utf-8").body(text)
}

fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    let listener = TcpListener::bind(address).map_err(|error| StartError::Listen { address, error })?;
    cut_off_slow_readers(&listener);
    Ok(listener)
}

/// Who does not take an answer holds its memory. Connections inherit this from the socket that accepts them.
#[cfg(target_os = "linux")]
fn cut_off_slow_readers(listener: &TcpListener) {
    if let Err(error) = socket2::SockRef::from(listener).set_tcp_user_timeout(Some(READER_PATIENCE)) {
        tracing::warn!(%error, "clients that do not read their answers cannot be cut off");
    }
}

#[cfg(not(target_os = "linux"))]
fn cut_off_slow_readers(_: &TcpListener) {}

fn address_of(listener: &TcpListener, address: SocketAddr) -> Result<SocketAddr, StartError> {
    listener.local_addr().map_err(|error| StartError::Listen { address, error })
}

/// A new one-use set-up code as long as there is no operator; an earlier one ends.
async fn open_setup(store: &Store, now: i64) -> Result<Option<String>, StoreError> {
    if !store.read(operators::is_setup_open).await? {
        return Ok(None);
    }
    let code = operators::new_setup_code();
    let kept = code.clone();
    store.write(move |tx| operators::open_setup(tx, &kept, now, now + SETUP_LIFETIME)).await?;
    Ok(Some(code))
}

/// Writes down who used which token, and takes over what was measured.
async fn tick(counted: Counted, enough: Arc<Notify>) {
    let mut interval = tokio::time::interval(TICK);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for tick in 1_u64.. {
        tokio::select! {
            _ = interval.tick() => {}
            () = enough.notified() => return,
        }
        counted.metrics.keep_up();
        counted.take_floods();
        let store = &counted.store;
        let written = if tick % HOURS == 0 { store.flush_usage().await } else { store.flush_tokens().await };
        if let Err(error) = written {
            tracing::warn!(%error, "the uses of tokens could not be written; they are kept for the next try");
        }
        if let Err(error) = counted.store.flush_requests().await {
            tracing::warn!(%error, "a part of the request log could not be written and is counted as left out");
        }
        counted.metrics.unlogged(counted.store.requests());
    }
}
