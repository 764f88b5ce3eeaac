//! The whole server, built from its configuration. `main` and the tests start the same one.

mod counted;
mod serving;

use std::net::SocketAddr;
use std::sync::Arc;

use actix_web::dev::{Server, ServerHandle};
use actix_web::web;
use endpoint_admin::{Clock, Console, PublicUrl};
use endpoint_store::{Store, StoreError, operators};
use endpoint_targets::{deliver::Deliverer, webhook::Sender};
use tokio::sync::Notify;

use crate::about::about;
use crate::api::Api;
use crate::config::Config;
use crate::jobs;
use crate::limits::{FailingAddresses, RateLimits};
use crate::metrics::{self, Metrics};
use crate::scim::Scim;
use crate::traces::Traces;
use crate::verify::Verifier;
use counted::{Counted, tick};
pub(crate) use serving::open_door;
use serving::{Mount, Parts, address_of, listen, serve};

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
