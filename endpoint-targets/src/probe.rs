//! Speaks HTTP to one address exactly as it is told: for playing what others send.

use std::time::Instant;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method};

use crate::Failure;
use crate::http;

/// A client of one base address.
#[derive(Debug, Clone)]
pub struct Probe {
    client: Client,
    base: String,
}

/// What came back.
#[derive(Debug)]
pub struct Heard {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
    /// How long it took, in microseconds.
    pub micros: u64,
}

impl Heard {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<String> {
        Some(self.headers.get(name)?.to_str().ok()?.to_owned())
    }
}

impl Probe {
    /// For the address that paths are appended to as they are.
    ///
    /// # Errors
    /// When no client can be made.
    pub fn new(base: String) -> Result<Self, Failure> {
        Ok(Self { client: http::client(http::PATIENCE)?, base })
    }

    /// Sends one request and reads its answer.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(String, String)],
        body: Option<Vec<u8>>,
    ) -> Result<Heard, String> {
        let method: Method = method.parse().map_err(|_| format!("{method:?} is no method"))?;
        let mut request = self.client.request(method, format!("{}{path}", self.base)).headers(map(headers)?);
        if let Some(body) = body {
            request = request.body(body);
        }
        let began = Instant::now();
        let answer = request.send().await.map_err(|error| http::unreached(&error).to_string())?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body = http::collect(answer).await.map_err(|failure| failure.to_string())?;
        let micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        Ok(Heard { status, headers, body, micros })
    }
}

fn map(headers: &[(String, String)]) -> Result<HeaderMap, String> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let wrong = || format!("the header {name} cannot be sent");
        let mut sent = HeaderValue::from_str(value).map_err(|_| wrong())?;
        // What is marked so is shown in no log.
        sent.set_sensitive(name.eq_ignore_ascii_case("authorization"));
        map.insert(HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?, sent);
    }
    Ok(map)
}
