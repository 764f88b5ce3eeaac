//! A program that webhooks are sent to: it answers as a test wants, checks signatures, and remembers what came.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// After this long something that should have come counts as lost.
const PATIENCE: Duration = Duration::from_secs(60);

/// A message that came.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) timestamp: String,
    pub(crate) signature: String,
    pub(crate) raw: String,
    pub(crate) body: Value,
    /// What it was answered.
    pub(crate) answered: u16,
}

impl Message {
    pub(crate) fn event(&self) -> &str {
        self.body["type"].as_str().unwrap()
    }

    /// Whether one of its signatures is that of this secret.
    pub(crate) fn is_signed_by(&self, secret: &str) -> bool {
        let key = STANDARD.decode(secret.strip_prefix("whsec_").expect("a secret")).unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        mac.update(format!("{}.{}.{}", self.id, self.timestamp, self.raw).as_bytes());
        let expected = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        self.signature.split(' ').any(|one| one == expected)
    }
}

#[derive(Default)]
struct State {
    came: Vec<Message>,
    /// Answers to the next messages; 200 when there are none.
    answers: VecDeque<u16>,
    /// The answer to all.
    always: Option<u16>,
    /// The answer to those about this resource.
    about: Option<(String, u16)>,
}

/// It listens as long as it is there.
pub(crate) struct Receiver {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
    listening: JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let state: Arc<Mutex<State>> = Arc::default();
        let shared = state.clone();
        let listening = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, shared.clone()));
            }
        });
        Self { url, state, listening }
    }

    /// Answers the next messages so.
    pub(crate) fn answer(&self, statuses: &[u16]) {
        self.state.lock().unwrap().answers.extend(statuses);
    }

    /// Answers all so, until told otherwise.
    pub(crate) fn always(&self, status: Option<u16>) {
        self.state.lock().unwrap().always = status;
    }

    /// Answers those about one resource so.
    pub(crate) fn about(&self, id: &str, status: u16) {
        self.state.lock().unwrap().about = Some((id.to_owned(), status));
    }

    /// Everything that came, also what was refused.
    pub(crate) fn came(&self) -> Vec<Message> {
        self.state.lock().unwrap().came.clone()
    }

    /// What was taken, in its order.
    pub(crate) fn taken(&self) -> Vec<Message> {
        self.came().into_iter().filter(|message| message.answered == 200).collect()
    }

    /// Waits until something holds of what came.
    pub(crate) async fn until(&self, what: &str, holds: impl Fn(&[Message]) -> bool) -> Vec<Message> {
        let begun = Instant::now();
        loop {
            let came = self.came();
            if holds(&came) {
                return came;
            }
            let events: Vec<_> = came.iter().map(|one| (one.event().to_owned(), one.answered)).collect();
            assert!(begun.elapsed() < PATIENCE, "never {what}: {events:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until so many were taken.
    pub(crate) async fn takes(&self, many: usize) -> Vec<Message> {
        self.until(&format!("{many} taken"), |came| {
            came.iter().filter(|one| one.answered == 200).count() >= many
        })
        .await;
        self.taken()
    }
}

async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    let mut received = Vec::new();
    // One connection may carry several messages.
    loop {
        let Some((head, body)) = read(&mut stream, &mut received).await else { return };
        let header = |name: &str| {
            let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with(&format!("{name}:")));
            line.map(|line| line.split_once(':').unwrap().1.trim().to_owned()).unwrap_or_default()
        };
        let parsed: Value = serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"));
        let answered = {
            let mut state = state.lock().unwrap();
            let about =
                state.about.clone().filter(|(id, _)| parsed["data"]["id"] == **id).map(|(_, status)| status);
            let answered = about.or(state.always).or_else(|| state.answers.pop_front()).unwrap_or(200);
            state.came.push(Message {
                id: header("webhook-id"),
                timestamp: header("webhook-timestamp"),
                signature: header("webhook-signature"),
                body: parsed,
                raw: body,
                answered,
            });
            answered
        };
        let answer = format!("HTTP/1.1 {answered} X\r\nContent-Length: 0\r\n\r\n");
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn read(stream: &mut TcpStream, received: &mut Vec<u8>) -> Option<(String, String)> {
    loop {
        let text = String::from_utf8_lossy(received).into_owned();
        if let Some((head, rest)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse::<usize>().ok()
            });
            let length = length.expect("a message has a length");
            if rest.len() >= length {
                let (head, body) = (head.to_owned(), rest[..length].to_owned());
                received.drain(..head.len() + 4 + length);
                return Some((head, body));
            }
        }
        let mut buffer = [0; 16384];
        match stream.read(&mut buffer).await {
            Ok(read) if read > 0 => received.extend_from_slice(&buffer[..read]),
            _ => return None,
        }
    }
}
