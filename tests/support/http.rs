//! An HTTP/1.1 client that puts on the wire exactly what a test says. Ready-made clients tidy a target up
//! (trailing `?`, `+`, quotes), and what is tidied up here would be missing when an identity provider sends it.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// After this long without an answer the server counts as hanging.
const PATIENCE: Duration = Duration::from_secs(60);

/// A request as it goes onto the wire.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

impl Request {
    pub(crate) fn new(method: &str, target: &str) -> Self {
        Self { method: method.to_owned(), target: target.to_owned(), headers: Vec::new(), body: None }
    }

    /// Sets a header in place of one of the same name.
    pub(crate) fn header(self, name: &str, value: &str) -> Self {
        let mut request = self.without_header(name);
        request.headers.push((name.to_owned(), value.to_owned()));
        request
    }

    pub(crate) fn without_header(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self
    }

    pub(crate) fn has_header(&self, name: &str) -> bool {
        self.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// A JSON body; the content type is set unless a test has set its own.
    pub(crate) fn json(self, body: &Value) -> Self {
        let request = if self.has_header("Content-Type") {
            self
        } else {
            self.header("Content-Type", "application/scim+json")
        };
        request.body(body.to_string())
    }

    fn wire(&self, address: SocketAddr) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        if !self.has_header("Host") {
            head.push_str(&format!("Host: {address}\r\n"));
        }
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(body) = &self.body {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        head.push_str("Connection: close\r\n\r\n");
        let mut wire = head.into_bytes();
        wire.extend_from_slice(self.body.as_deref().unwrap_or_default());
        wire
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.target)?;
        match &self.body {
            Some(body) => write!(f, " {}", excerpt(body)),
            None => Ok(()),
        }
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case, in the order of the wire.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// What was asked, for messages.
    asked: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn headers_named(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers
            .iter()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("no JSON ({error}): {self:#}"))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Fails with request and answer unless the status is the expected one.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:#}");
        self
    }
}

/// `{}` is the answer, `{:#}` also what was asked.
impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            write!(f, "{}\n  -> ", self.asked)?;
        }
        write!(f, "{} {}", self.status, excerpt(&self.body))
    }
}

fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let shown: String = text.chars().take(1500).collect();
    if shown.len() < text.len() { format!("{shown}… ({} bytes)", body.len()) } else { shown }
}

/// Sends a request and reads the whole answer.
pub(crate) async fn send(address: SocketAddr, request: &Request) -> Answer {
    send_bytes(address, &request.wire(address), &request.to_string(), &request.method).await
}

/// The same where the server may die meanwhile: `None` when no whole answer came.
pub(crate) async fn attempt(address: SocketAddr, request: &Request) -> Option<Answer> {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await.ok()?;
        stream.write_all(&request.wire(address)).await.ok()?;
        let mut received = Vec::new();
        stream.read_to_end(&mut received).await.ok()?;
        Some(received)
    };
    let received = tokio::time::timeout(PATIENCE, exchange).await;
    let received = received.unwrap_or_else(|_| panic!("no answer within {PATIENCE:?}: {request}"))?;
    let end = find(&received, b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&received[..end]).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    let whole = length.is_none_or(|length| received.len() - end - 4 == length);
    whole.then(|| parse(&received, &request.to_string(), &request.method))
}

/// Sends bytes that need not be HTTP.
pub(crate) async fn send_bytes(address: SocketAddr, wire: &[u8], asked: &str, method: &str) -> Answer {
    let exchange = async {
        let mut stream =
            TcpStream::connect(address).await.unwrap_or_else(|error| panic!("{address}: {error}"));
        let (mut reader, mut writer) = stream.split();
        let mut received = Vec::new();
        // Both at once: a refusal may come before the body is through, and then writing fails.
        let (_, read) = tokio::join!(writer.write_all(wire), reader.read_to_end(&mut received));
        if received.is_empty() {
            panic!("closed without an answer ({read:?}): {asked}");
        }
        received
    };
    let received = tokio::time::timeout(PATIENCE, exchange).await;
    parse(&received.unwrap_or_else(|_| panic!("no answer within {PATIENCE:?}: {asked}")), asked, method)
}

fn parse(received: &[u8], asked: &str, method: &str) -> Answer {
    let end = find(received, b"\r\n\r\n").unwrap_or_else(|| panic!("no end of headers: {asked}"));
    let head = String::from_utf8_lossy(&received[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut answer = Answer {
        status: status.unwrap_or_else(|| panic!("no status line in {head:?}")),
        headers,
        body: Vec::new(),
        asked: asked.to_owned(),
    };
    let rest = &received[end + 4..];
    answer.body =
        if answer.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
            unchunk(rest)
        } else {
            rest.to_vec()
        };
    if let Some(length) = answer.header("content-length").and_then(|text| text.parse::<usize>().ok()) {
        let whole = method == "HEAD" || answer.status == 304 || answer.body.len() == length;
        assert!(whole, "{length} bytes announced, {} received: {asked}", answer.body.len());
    }
    answer
}

fn unchunk(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = find(rest, b"\r\n").expect("a chunk begins with its size");
        let size = std::str::from_utf8(&rest[..end])
            .ok()
            .and_then(|text| usize::from_str_radix(text.trim(), 16).ok());
        let size = size.expect("a chunk's size is hexadecimal");
        if size == 0 {
            return body;
        }
        body.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 2 + size + 2..];
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
