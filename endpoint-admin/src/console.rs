//! What the console is built from.

use std::{fmt, future::Future, net::IpAddr, pin::Pin, sync::Arc};

use actix_web::{HttpMessage as _, HttpRequest};
use endpoint_store::{
    Endpoint, Store, StoreError,
    caller::Actor,
    verifications::{Report, Verification},
};
use endpoint_targets::{deliver::Deliverer, webhook::Sender};

use crate::{backoff::Backoff, error::PageError, pages::system::About, password::Hasher, ui::Clock};

/// The prefix of every address that is handed out, without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl(Arc<str>);

impl PublicUrl {
    /// From the configured text; slashes at its end are dropped, because identity providers add their own.
    pub fn new(url: &str) -> Self {
        Self(url.trim().trim_end_matches('/').into())
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether browsers reach the console by TLS.
    pub fn is_https(&self) -> bool {
        self.0.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"))
    }

    /// The SCIM base URL of the endpoint with this slug.
    pub fn scim_base(&self, slug: &str) -> String {
        format!("{}/scim/{slug}/v2", self.0)
    }

    /// Where clients of OAuth 2.0 get access tokens for the endpoint with this slug.
    pub fn token_url(&self, slug: &str) -> String {
        format!("{}/scim/{slug}/oauth/token", self.0)
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The id of the request, put into the request's extensions by whoever mounts the console, so that
/// a page and the log name the same. Without it the console makes its own.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

/// Where the request comes from, put into its extensions by whoever mounts the console and knows which proxies to
/// believe. Without it the peer's address counts.
#[derive(Clone, Copy, Debug)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// That of a request.
    pub fn of(request: &HttpRequest) -> Option<IpAddr> {
        let told = request.extensions().get::<Self>().map(|address| address.0);
        told.or_else(|| request.peer_addr().map(|peer| peer.ip()))
    }
}

/// Plays what the identity provider of an endpoint does against a twin of it, and keeps the report.
pub trait Verify: Send + Sync {
    /// Verifies an endpoint in somebody's name.
    fn verify(
        &self,
        endpoint: Endpoint,
        actor: Actor,
    ) -> Pin<Box<dyn Future<Output = Result<Verification, StoreError>>>>;

    /// A report as one JSON document, as the management API gives it.
    fn document(&self, endpoint: &Endpoint, verification: &Verification, report: Report)
    -> serde_json::Value;
}

/// Everything the pages need. Clones share one sign-in back-off and one bound on password hashing.
#[derive(Clone)]
pub struct Console {
    pub(crate) store: Store,
    pub(crate) public_url: PublicUrl,
    pub(crate) own_url: PublicUrl,
    pub(crate) clock: Clock,
    pub(crate) cookies_secure: bool,
    pub(crate) hasher: Hasher,
    pub(crate) backoff: Arc<Backoff>,
    pub(crate) sender: Sender,
    pub(crate) deliverer: Deliverer,
    pub(crate) about: Arc<About>,
    pub(crate) verifier: Option<Arc<dyn Verify>>,
}

impl Console {
    /// Make one per process and clone it for every worker. `cookies_secure` is true when browsers
    /// reach the console by https, whether TLS ends here or at a proxy.
    pub fn new(
        store: Store,
        public_url: PublicUrl,
        clock: Clock,
        cookies_secure: bool,
        (sender, deliverer): (Sender, Deliverer),
    ) -> Self {
        let own_url = public_url.clone();
        let (hasher, backoff) = (Hasher::default(), Arc::default());
        Self {
            store,
            public_url,
            own_url,
            clock,
            cookies_secure,
            hasher,
            backoff,
            sender,
            deliverer,
            about: Arc::default(),
            verifier: None,
        }
    }

    /// The same with pages that have another prefix than the addresses for SCIM.
    #[must_use]
    pub fn reached_at(self, own_url: PublicUrl) -> Self {
        Self { own_url, ..self }
    }

    /// The same with what the page about the server shows.
    #[must_use]
    pub fn about(self, about: About) -> Self {
        Self { about: Arc::new(about), ..self }
    }

    /// The same with what verifies endpoints.
    #[must_use]
    pub fn verifying(self, verifier: Arc<dyn Verify>) -> Self {
        Self { verifier: Some(verifier), ..self }
    }

    /// What verifies endpoints.
    pub(crate) fn verifier(&self) -> Result<Arc<dyn Verify>, PageError> {
        self.verifier.clone().ok_or_else(|| PageError::internal("nothing verifies endpoints here"))
    }

    /// What hashes passwords here, for whoever else in the process has to: one bound for all.
    pub fn hasher(&self) -> Hasher {
        self.hasher.clone()
    }
}

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console").field("public_url", &self.public_url).finish_non_exhaustive()
    }
}
