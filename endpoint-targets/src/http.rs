//! Requests to a target: bounded in time, size and number, and answers sorted by what they mean.

use std::sync::Once;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::Value;

use crate::remote::Failure;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long an answer may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// The largest answer: a page of a list.
const LARGEST: usize = 16 * 1024 * 1024;
/// Requests to one target at the same time.
pub(crate) const AT_ONCE: usize = 4;

/// What speaks HTTP to one place, whose answers may take so long. It follows no redirects: what we send belongs to nobody
/// else.
///
/// # Errors
/// [`Failure::Away`] when no connection can be prepared.
pub fn client(patience: Duration) -> Result<Client, Failure> {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // Somebody else in the process may have chosen one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    Client::builder()
        .user_agent(concat!("scim-server/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT)
        .timeout(patience)
        .redirect(reqwest::redirect::Policy::none())
        .pool_idle_timeout(Duration::from_secs(30))
        .build()
        .map_err(|error| Failure::Away(format!("a connection cannot be prepared: {}", causes(&error))))
}

/// An answer, whatever its status.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) retry_after: Option<Duration>,
    /// The body, if it is JSON.
    pub(crate) json: Option<Value>,
    /// Whether a web page came instead.
    pub(crate) is_page: bool,
}

impl Answer {
    /// A member of the answer by its name without regard to case.
    pub(crate) fn word(&self, name: &str) -> Option<&str> {
        let map = self.json.as_ref()?.as_object()?;
        map.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?.1.as_str()
    }
}

/// Sends a request and reads its answer.
pub(crate) async fn send(request: RequestBuilder) -> Result<Answer, Failure> {
    let answer = request.send().await.map_err(|error| unreached(&error))?;
    let status = answer.status();
    let seconds = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let kind = answer.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_page = kind.to_ascii_lowercase().contains("text/html");
    let body = collect(answer).await?;
    let json = serde_json::from_slice(&body).ok();
    let is_page = is_page || (json.is_none() && body.trim_ascii_start().starts_with(b"<"));
    Ok(Answer { status, retry_after: seconds.map(Duration::from_secs), json, is_page })
}

pub(crate) async fn collect(mut answer: reqwest::Response) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| unreached(&error))? {
        if body.len() + chunk.len() > LARGEST {
            return Err(Failure::Away(format!("its answer is larger than {LARGEST} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

pub(crate) fn unreached(error: &reqwest::Error) -> Failure {
    Failure::Away(if error.is_timeout() {
        format!("it did not answer within {} seconds", PATIENCE.as_secs())
    } else if error.is_connect() {
        format!("it cannot be reached: {}", causes(error))
    } else {
        format!("the connection broke: {}", causes(error))
    })
}

/// The innermost reason, without the URL: that says what an operator can act on.
fn causes(error: &reqwest::Error) -> String {
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    let text = inner.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}
