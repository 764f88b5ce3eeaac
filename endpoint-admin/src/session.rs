//! Sessions: a random secret in a cookie, its digest in the store, and who is behind it.

use std::sync::Arc;

use actix_web::{
    FromRequest, HttpMessage, HttpRequest, HttpResponseBuilder,
    dev::Payload,
    http::{
        Method,
        header::{HeaderMap, SET_COOKIE, USER_AGENT},
    },
};
use endpoint_store::{
    Conn, Store, StoreError, Tx,
    caller::{Actor, Caller},
    endpoints::{self, Endpoint, EndpointSummary},
    operators::{Operator as Account, Reach, Role},
    sessions::{self, Lifetime, Session},
};
use endpoint_targets::{deliver::Deliverer, webhook::Sender};
use std::future::{Ready, ready};

use crate::{
    console::{ClientAddress, Console, PublicUrl, RequestId},
    error::PageError,
    frame::{Frame, Head, Section, Tab, Theme, Who, cookie},
};

/// An hour without a click, twelve hours at most.
pub(crate) const LIFETIME: Lifetime = Lifetime { idle: 60 * MINUTE, absolute: 12 * 60 * MINUTE };
const MINUTE: i64 = 60_000;

/// The cookie's name. Browsers hold the `__Host-` prefix to `Secure`, this host and every path.
fn cookie_name(secure: bool) -> &'static str {
    if secure { "__Host-scim_session" } else { "scim_session" }
}

/// The secret of a session, as the cookie of a request has it.
pub(crate) fn secret_of(headers: &HeaderMap, secure: bool) -> Option<String> {
    cookie(headers, cookie_name(secure)).filter(|secret| secret.len() == 64).map(str::to_owned)
}

/// 256 random bits as text.
pub(crate) fn random() -> String {
    use std::fmt::Write as _;
    endpoint_store::ids::entropy::<32>().iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Hands the secret to the browser, until the session's last moment.
pub(crate) fn set_cookie(response: &mut HttpResponseBuilder, secret: &str, secure: bool) {
    let (name, guard) = (cookie_name(secure), if secure { "; Secure" } else { "" });
    let age = LIFETIME.absolute / 1000;
    response.append_header((
        SET_COOKIE,
        format!("{name}={secret}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax{guard}"),
    ));
}

/// Takes it back.
pub(crate) fn clear_cookie(response: &mut HttpResponseBuilder, secure: bool) {
    let (name, guard) = (cookie_name(secure), if secure { "; Secure" } else { "" });
    response
        .append_header((SET_COOKIE, format!("{name}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax{guard}")));
}

/// Opens a session for somebody who proved who they are. Returns the secret for the cookie.
pub(crate) fn open(
    tx: &mut Tx<'_>,
    account: &Account,
    from: &Origin,
    now: i64,
) -> Result<String, StoreError> {
    let (secret, csrf) = (random(), random());
    sessions::create(tx, account, &secret, &csrf, (&from.address, &from.agent), LIFETIME, now)?;
    Ok(secret)
}

/// Where a request comes from.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    /// The client's address, as far as it can be believed.
    pub(crate) address: String,
    /// Its `User-Agent`, cut to a sane length.
    pub(crate) agent: String,
}

impl Origin {
    /// That of a request.
    pub(crate) fn of(request: &HttpRequest) -> Self {
        let agent = request.headers().get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or("");
        Self {
            address: ClientAddress::of(request).map(|address| address.to_string()).unwrap_or_default(),
            agent: agent.chars().take(200).collect(),
        }
    }
}

/// Somebody who is signed in. Only the gate makes one, and apart from [`Visitor`] it is the only
/// way from a handler to the store.
#[derive(Clone)]
pub(crate) struct Operator(Arc<Inner>);

struct Inner {
    console: Console,
    session: Session,
    secret: String,
    request_id: String,
    address: String,
    here: String,
    query: String,
    theme: Theme,
    now: i64,
}

impl Operator {
    /// The session behind a request; `None` when there is none or it has ended. A request that a
    /// page sends by itself does not keep the session alive.
    pub(crate) async fn find(
        console: &Console,
        request: &HttpRequest,
        keeps_alive: bool,
    ) -> Result<Option<Self>, PageError> {
        let Some(secret) = secret_of(request.headers(), console.cookies_secure) else { return Ok(None) };
        let now = console.clock.now();
        let wanted = secret.clone();
        let found = console.store.read(move |conn| sessions::find(conn, &wanted, LIFETIME, now)).await?;
        let Some(session) = found else { return Ok(None) };
        if keeps_alive && now.saturating_sub(session.last_seen_at) > MINUTE {
            let seen = secret.clone();
            console.store.write(move |tx| sessions::touch(tx, &seen, now)).await?;
        }
        // The answer to a form has no address to come back to.
        let path = request.uri().path_and_query().filter(|_| request.method() == Method::GET);
        let path = path.map_or("/admin/", |path| path.as_str());
        Ok(Some(Self(Arc::new(Inner {
            console: console.clone(),
            session,
            secret,
            request_id: request_id(request),
            address: Origin::of(request).address,
            here: path.to_owned(),
            query: request.query_string().to_owned(),
            theme: Theme::of(request.headers()),
            now,
        }))))
    }

    /// Who it is.
    pub(crate) fn account(&self) -> &Account {
        &self.0.session.operator
    }

    /// What they may do.
    pub(crate) fn role(&self) -> Role {
        self.account().role
    }

    /// The token that every form of the session carries.
    pub(crate) fn csrf(&self) -> &str {
        &self.0.session.csrf
    }

    /// The secret of this session, to end it.
    pub(crate) fn secret(&self) -> &str {
        &self.0.secret
    }

    /// When the password was last given in this session.
    pub(crate) fn checked_at(&self) -> i64 {
        self.0.session.checked_at
    }

    /// Where the request comes from.
    pub(crate) fn address(&self) -> &str {
        &self.0.address
    }

    /// The console, with its back-off and hasher.
    pub(crate) fn console(&self) -> &Console {
        &self.0.console
    }

    /// For the audit log.
    pub(crate) fn actor(&self) -> Actor {
        self.account().actor().at(&self.0.address)
    }

    /// This operator at work on one endpoint's directory.
    pub(crate) fn on(&self, endpoint: Endpoint) -> Caller {
        self.account().on(Arc::new(endpoint), self.0.request_id.clone())
    }

    /// The time of this request.
    pub(crate) fn now(&self) -> i64 {
        self.0.now
    }

    /// The part of the address after `?`.
    pub(crate) fn query(&self) -> &str {
        &self.0.query
    }

    /// The prefix of addresses that are handed out.
    pub(crate) fn public_url(&self) -> &PublicUrl {
        &self.0.console.public_url
    }

    /// Whether cookies go over https only.
    pub(crate) fn cookies_secure(&self) -> bool {
        self.0.console.cookies_secure
    }

    /// Reads from the store.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl Fn(&mut Conn) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, PageError> {
        Ok(self.store().read(read).await?)
    }

    /// Writes to the store; the store's own error, because a refusal belongs beside a field.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        write: impl Fn(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.store().write(write).await
    }

    /// What sends webhooks.
    pub(crate) fn sender(&self) -> &Sender {
        &self.0.console.sender
    }

    /// The store, for what goes beyond one read or write.
    pub(crate) fn store(&self) -> &Store {
        &self.0.console.store
    }

    /// What they see of the endpoints.
    pub(crate) fn reach(&self) -> &Reach {
        &self.account().reach
    }

    /// Refuses an endpoint that is beyond what they see, exactly as one that is not there. The gate asks this for every
    /// address with an endpoint in it.
    pub(crate) async fn check_reach(&self, slug: &str) -> Result<(), PageError> {
        if *self.reach() == Reach::Everything {
            return Ok(());
        }
        let wanted = slug.to_owned();
        match self.store().read(move |conn| endpoints::find(conn, &wanted)).await {
            Ok(endpoint) if self.account().sees(&endpoint) => Ok(()),
            Ok(_) | Err(StoreError::NotFound(_)) => Err(no_endpoint(slug)),
            Err(other) => Err(other.into()),
        }
    }

    /// The way to the applications behind endpoints.
    pub(crate) fn deliverer(&self) -> &Deliverer {
        &self.0.console.deliverer
    }

    /// The endpoint in the address, by slug, former slug or id. One in the bin is not found.
    pub(crate) async fn endpoint(&self, slug: &str) -> Result<EndpointSummary, PageError> {
        let wanted = slug.to_owned();
        let found = self.read(move |conn| {
            let endpoint = endpoints::find(conn, &wanted)?;
            endpoints::summary(conn, endpoint)
        });
        let summary = found.await.map_err(|error| match error {
            PageError::NotFound(_) => no_endpoint(slug),
            other => other,
        })?;
        if summary.endpoint.deleted_at.is_some() {
            let name = &summary.endpoint.name;
            return Err(PageError::NotFound(format!(
                "The endpoint “{name}” is in the bin. For 30 days it can be brought back from there: {}/admin/bin",
                self.public_url().as_str()
            )));
        }
        Ok(summary)
    }

    /// What stands around a page.
    pub(crate) fn frame(&self, section: Section) -> Frame {
        Frame {
            theme: self.0.theme,
            who: Some(Who {
                name: self.account().name.clone(),
                role: self.role(),
                csrf: self.csrf().to_owned(),
            }),
            section,
            here: self.0.here.clone(),
            done: crate::pages::done(&self.0.query),
        }
    }

    /// The frame and the head of an endpoint's page.
    pub(crate) fn desk(&self, summary: &EndpointSummary, tab: Tab) -> (Frame, Head) {
        (self.frame(Section::Elsewhere), Head::new(summary, tab, self.now()))
    }
}

fn no_endpoint(slug: &str) -> PageError {
    PageError::NotFound(format!(
        "No endpoint has the address “{slug}”. It may be mistyped, be in the bin, or belong to a tenant that you do not see"
    ))
}

impl FromRequest for Operator {
    type Error = PageError;
    type Future = Ready<Result<Self, PageError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let found = request.extensions().get::<Self>().cloned();
        ready(found.ok_or_else(|| PageError::internal("a page for operators is listed as public")))
    }
}

/// Somebody at the door: set-up and sign-in.
#[derive(Clone)]
pub(crate) struct Visitor {
    console: Console,
    /// Where they come from.
    pub(crate) origin: Origin,
    /// What stands around the page.
    pub(crate) frame: Frame,
    /// The part of the address after `?`.
    pub(crate) query: String,
}

impl Visitor {
    /// The console, with its store, back-off and hasher.
    pub(crate) fn console(&self) -> &Console {
        &self.console
    }
}

impl FromRequest for Visitor {
    type Error = PageError;
    type Future = Ready<Result<Self, PageError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(console_of(request).map(|console| Self {
            console,
            origin: Origin::of(request),
            frame: Frame { theme: Theme::of(request.headers()), ..Frame::default() },
            query: request.query_string().to_owned(),
        }))
    }
}

/// The console that this request reached.
pub(crate) fn console_of(request: &HttpRequest) -> Result<Console, PageError> {
    request.app_data::<Console>().cloned().ok_or_else(|| PageError::internal("the console is not configured"))
}

/// The id of this request: the one it was given, else a new one.
pub(crate) fn request_id(request: &HttpRequest) -> String {
    if let Some(RequestId(id)) = request.extensions().get::<RequestId>() {
        return id.clone();
    }
    let id: String = random().chars().take(16).collect();
    request.extensions_mut().insert(RequestId(id.clone()));
    id
}
