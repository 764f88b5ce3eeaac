//! What an address serves: which parts of the program answer there.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::middleware::from_fn;
use actix_web::{App as HttpApp, HttpRequest, HttpResponse, HttpServer, web};
use endpoint_admin::{Clock, Console, PublicUrl};
use endpoint_store::Store;
use endpoint_targets::deliver::Deliverer;

use super::StartError;
use crate::api::{self, Api};
use crate::config::Tls;
use crate::health;
use crate::limits::{FailingAddresses, RateLimits};
use crate::metrics::{self, Metrics};
use crate::middleware::observe;
use crate::proxies::Proxies;
use crate::scim::{self, Scim};
use crate::traces::Traces;

/// How long requests under way may take to end when the server stops, in seconds.
const DRAIN: u64 = 15;
/// How long a client may leave an answer unread before its connection is closed.
#[cfg(target_os = "linux")]
const READER_PATIENCE: Duration = Duration::from_secs(30);

/// What the parts of the server are built from.
#[derive(Clone)]
pub(super) struct Parts {
    pub(super) scim: web::Data<Scim>,
    pub(super) console: Console,
    pub(super) api: web::Data<Api>,
    pub(super) metrics: web::Data<metrics::Door>,
    pub(super) proxies: Proxies,
    pub(super) traces: Option<Traces>,
}

/// What an address serves. Health is everywhere.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mount {
    Everything,
    Scim,
    Console,
}

pub(super) fn serve(
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

pub(super) fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
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

pub(super) fn address_of(listener: &TcpListener, address: SocketAddr) -> Result<SocketAddr, StartError> {
    listener.local_addr().map_err(|error| StartError::Listen { address, error })
}
