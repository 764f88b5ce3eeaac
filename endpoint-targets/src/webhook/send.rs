//! One request to one receiver, within bounds: no redirects, no proxies of the environment, ten seconds, nothing of the
//! answer but its status, and no address that is not public unless the configuration allows it. Addresses are judged
//! after the name was resolved, and the connection goes to what was judged.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use endpoint_store::webhooks::Address;
use endpoint_store::webhooks::address::{is_public, not_public};
use endpoint_store::webhooks::queue::Attempt;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::redirect::Policy;

/// How long a request may take, from looking up the name to the answer's head.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sends webhooks. Cheap to clone.
#[derive(Clone)]
pub struct Sender {
    client: Result<reqwest::Client, String>,
    private: bool,
}

impl std::fmt::Debug for Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sender").field("private", &self.private).finish_non_exhaustive()
    }
}

/// What is sent.
pub(super) struct Message<'a> {
    pub(super) id: &'a str,
    /// Seconds since 1970.
    pub(super) timestamp: i64,
    pub(super) signatures: &'a str,
    pub(super) body: Vec<u8>,
}

impl Sender {
    /// With `private`, networks that are not public and plain http are allowed.
    pub fn new(private: bool) -> Self {
        // The whole program has one provider; whoever was first chose the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .dns_resolver(Arc::new(Judged { private }))
            .redirect(Policy::none())
            .no_proxy()
            .https_only(!private)
            .timeout(PATIENCE)
            .connect_timeout(PATIENCE)
            .pool_max_idle_per_host(4)
            .user_agent(concat!("scim-server/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| format!("requests cannot be sent: {}", innermost(&error)));
        Self { client, private }
    }

    /// Whether networks that are not public are allowed.
    pub fn allows_private(&self) -> bool {
        self.private
    }

    /// Sends it once.
    pub(super) async fn send(&self, url: &str, message: Message<'_>) -> Attempt {
        let begun = Instant::now();
        let (status, error, wish) = match self.exchange(url, message).await {
            Ok((status, _)) if (200..300).contains(&status) => (Some(status), None, None),
            Ok((status, wish)) => (Some(status), Some(refused(status)), wish),
            Err(sentence) => (None, Some(sentence), None),
        };
        let ms = i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX);
        Attempt { status, error, ms, wish }
    }

    async fn exchange(&self, url: &str, message: Message<'_>) -> Result<(u16, Option<i64>), String> {
        // Names are judged when they are resolved; an address in the URL is not resolved.
        let address = Address::parse(url, self.private).map_err(|error| error.to_string())?;
        let client = self.client.as_ref().map_err(Clone::clone)?;
        let request = client
            .post(address.url().clone())
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", message.id)
            .header("webhook-timestamp", message.timestamp.to_string())
            .header("webhook-signature", message.signatures)
            .body(message.body);
        let answer = request.send().await.map_err(|error| sentence(&error))?;
        let wish =
            answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse::<i64>().ok());
        Ok((answer.status().as_u16(), wish.map(|seconds| seconds.saturating_mul(1000))))
    }
}

fn refused(status: u16) -> String {
    match status {
        300..=399 => {
            format!("answered {status}: redirects are not followed; change the URL to where it leads")
        }
        401 | 403 => {
            format!("answered {status}: the receiver does not let it in; look at its secret and its log")
        }
        404 => "answered 404: there is nothing at this URL".to_owned(),
        410 => "answered 410: the receiver does not want these events any more".to_owned(),
        _ => format!("answered {status}"),
    }
}

fn sentence(error: &reqwest::Error) -> String {
    if let Some(NotPublic(sentence)) = find(error) {
        return sentence.clone();
    }
    if error.is_timeout() {
        return format!("no answer within {} seconds", PATIENCE.as_secs());
    }
    let what = if error.is_connect() { "no connection" } else { "the connection broke" };
    format!("{what}: {}", innermost(error)).chars().take(300).collect()
}

fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    let text = inner.to_string();
    // The number of the operating system says nothing more.
    text.split(" (os error ").next().unwrap_or_default().to_owned()
}

fn find<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a NotPublic> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<NotPublic>() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// A name leads to where nothing may be sent.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct NotPublic(String);

/// Looks names up, and gives only addresses that may be sent to.
struct Judged {
    private: bool,
}

impl Resolve for Judged {
    fn resolve(&self, name: Name) -> Resolving {
        let private = self.private;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let judged = judge(found, private)?;
            Ok(Box::new(judged.into_iter()) as Addrs)
        })
    }
}

/// One that is not public spoils the name: which of its addresses is taken is not ours to say.
fn judge(found: Vec<SocketAddr>, private: bool) -> Result<Vec<SocketAddr>, NotPublic> {
    match found.iter().find(|address| !private && !is_public(address.ip())) {
        Some(address) => Err(NotPublic(not_public(address.ip()))),
        None => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    fn message<'a>() -> Message<'a> {
        Message { id: "a", timestamp: 1, signatures: "v1,x", body: b"{}".to_vec() }
    }

    /// A receiver on this machine that counts who comes, and answers with a fixed text.
    async fn receiver(answer: &'static str) -> (u16, Arc<std::sync::atomic::AtomicUsize>) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, came) = (listener.local_addr().unwrap().port(), Arc::default());
        let count: Arc<std::sync::atomic::AtomicUsize> = Arc::clone(&came);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        (port, came)
    }

    #[tokio::test]
    async fn nothing_reaches_what_is_not_public() {
        let (port, came) = receiver("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
        let sender = Sender::new(false);
        // A name is judged by where it leads, an address as it stands.
        for host in
            ["localhost", "127.0.0.1", "127.1", "[::1]", "[::ffff:127.0.0.1]", "10.0.0.1", "169.254.169.254"]
        {
            let attempt = sender.send(&format!("https://{host}:{port}/"), message()).await;
            assert!(attempt.error.as_ref().unwrap().contains("no public address"), "{host}: {attempt:?}");
        }
        let plain = sender.send(&format!("http://localhost:{port}/"), message()).await;
        assert!(plain.error.unwrap().contains("https"));
        assert_eq!(came.load(std::sync::atomic::Ordering::SeqCst), 0);
        let allowed = Sender::new(true).send(&format!("http://localhost:{port}/"), message()).await;
        assert_eq!((allowed.status, allowed.error), (Some(200), None));
    }

    #[tokio::test]
    async fn redirects_are_not_followed() {
        let (target, came) = receiver("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
        let to =
            format!("HTTP/1.1 307 X\r\nlocation: http://127.0.0.1:{target}/\r\ncontent-length: 0\r\n\r\n");
        let (port, _) = receiver(Box::leak(to.into_boxed_str())).await;
        let attempt = Sender::new(true).send(&format!("http://127.0.0.1:{port}/"), message()).await;
        assert!(attempt.error.unwrap().contains("redirects"));
        assert_eq!(came.load(std::sync::atomic::Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn what_the_receiver_asks_for_is_heard() {
        let (port, _) = receiver("HTTP/1.1 429 X\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n").await;
        let attempt = Sender::new(true).send(&format!("http://127.0.0.1:{port}/"), message()).await;
        assert_eq!((attempt.status, attempt.wish), (Some(429), Some(7000)));
    }
}
