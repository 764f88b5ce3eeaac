//! Every route of the management API, on one screen: method, path, what it does (and so who may), what it takes and gives.
//!
//! The door, `Allow`, `/api/v1/openapi.json` and the tests that try every route with every credential read this table,
//! and nothing else.

mod table;

use std::future::Future;
use std::pin::Pin;

use actix_web::http::Method;
use endpoint_store::operators::{Act, Role};

use super::openapi::Body;
use super::params::Param;
use super::{Exchange, Outcome};

pub use table::ROUTES;

/// What all paths begin with.
pub const BASE: &str = "/api/v1";

/// What answers.
#[derive(Clone, Copy)]
pub(super) enum Work {
    /// The description itself, which needs nobody's key.
    Description,
    /// A handler, for whoever holds a key.
    Handler(Run),
}

pub(super) type Run = for<'x> fn(&'x Exchange) -> Pin<Box<dyn Future<Output = Outcome> + 'x>>;

/// One line of the table.
#[derive(Clone)]
pub struct Route {
    /// How.
    pub method: Method,
    /// Where, behind [`BASE`]; `{…}` stands for one segment.
    pub path: &'static str,
    /// What it does, which says who may; `None` is for everybody, without a key.
    pub act: Option<Act>,
    pub(super) summary: &'static str,
    pub(super) query: &'static [Param],
    pub(super) conditional: bool,
    pub(super) idempotent: bool,
    pub(super) takes: Option<Body>,
    pub(super) gives: &'static [(u16, Option<Body>)],
    /// Media types of files that it also gives, by `format`.
    pub(super) files: &'static [&'static str],
    pub(super) work: Work,
}

impl std::fmt::Debug for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {BASE}{}", self.method, self.path)
    }
}

impl Route {
    /// The least role that may.
    pub fn least(&self) -> Option<Role> {
        self.act.map(Act::least)
    }

    /// Whether it takes `Idempotency-Key`.
    pub fn takes_idempotency_key(&self) -> bool {
        self.idempotent
    }

    /// Whether it takes `If-Match`.
    pub fn takes_if_match(&self) -> bool {
        self.conditional
    }

    /// Whether it takes a body.
    pub fn takes_body(&self) -> bool {
        self.takes.is_some()
    }

    const fn query(mut self, query: &'static [Param]) -> Self {
        self.query = query;
        self
    }

    /// It takes `If-Match`.
    const fn conditional(mut self) -> Self {
        self.conditional = true;
        self
    }

    /// It takes `Idempotency-Key`.
    const fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    const fn takes(mut self, body: Body) -> Self {
        self.takes = Some(body);
        self
    }

    const fn files(mut self, files: &'static [&'static str]) -> Self {
        self.files = files;
        self
    }

    const fn gives(mut self, gives: &'static [(u16, Option<Body>)]) -> Self {
        self.gives = gives;
        self
    }
}

const fn route(method: Method, path: &'static str, act: Act, summary: &'static str, run: Run) -> Route {
    Route {
        method,
        path,
        act: Some(act),
        summary,
        query: &[],
        conditional: false,
        idempotent: false,
        takes: None,
        gives: &[(204, None)],
        files: &[],
        work: Work::Handler(run),
    }
}

/// The segments of a path that stand for something, with their values.
pub(super) type Segments = Vec<(&'static str, String)>;

/// What a request asks for, or the methods that its path has; none if there is no such path.
///
/// # Errors
/// The methods, for `Allow`.
pub(super) fn resolve(method: &Method, path: &str) -> Result<(&'static Route, Segments), String> {
    // HEAD is GET without the body (RFC 9110 §9.3.2).
    let method = if method == Method::HEAD { &Method::GET } else { method };
    let mut allowed: Vec<&str> = Vec::new();
    for route in ROUTES {
        if let Some(segments) = matches(route.path, path) {
            if route.method == *method {
                return Ok((route, segments));
            }
            allowed.push(route.method.as_str());
            if route.method == Method::GET {
                allowed.push("HEAD");
            }
        }
    }
    Err(allowed.join(", "))
}

fn matches(pattern: &'static str, path: &str) -> Option<Segments> {
    let mut values = Segments::new();
    let mut given = path.split('/');
    for wanted in pattern.split('/') {
        let given = given.next()?;
        match wanted.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(_) if given.is_empty() => return None,
            Some(name) => {
                let value = percent_encoding::percent_decode_str(given).decode_utf8().ok()?;
                values.push((name, value.into_owned()));
            }
            None if wanted == given => {}
            None => return None,
        }
    }
    given.next().is_none().then_some(values)
}
