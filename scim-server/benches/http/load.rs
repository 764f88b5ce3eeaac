//! A load generator: blocking connections that are kept alive, one thread each.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::process::Process;

/// One request, ready to be sent.
pub type Request = Vec<u8>;

/// What a load cost.
pub struct Measured {
    pub requests: usize,
    pub seconds: f64,
    /// CPU time of the server for one request, in microseconds.
    pub cpu: f64,
    latencies: Vec<u32>,
}

impl Measured {
    /// Requests per second.
    pub fn rate(&self) -> f64 {
        self.requests as f64 / self.seconds
    }

    /// The latency, in microseconds, that this part of the requests (0 to 1) stays below.
    pub fn latency(&self, part: f64) -> u32 {
        let last = self.latencies.len().saturating_sub(1);
        self.latencies.get((last as f64 * part) as usize).copied().unwrap_or_default()
    }
}

/// How much load.
#[derive(Clone, Copy)]
pub struct Load {
    pub connections: usize,
    pub until: Until,
}

/// When a load ends.
#[derive(Clone, Copy)]
pub enum Until {
    Elapsed(Duration),
    /// Requests of each connection.
    Requests(usize),
}

/// Sends what `make(connection, turn)` gives until the load ends. Every answer has to be a success, except that
/// `expected` may name another status.
pub fn run(
    server: &Process,
    load: Load,
    expected: Option<u16>,
    make: impl Fn(usize, usize) -> Request + Sync,
) -> Measured {
    let stop = AtomicBool::new(false);
    let cpu = server.cpu();
    let started = Instant::now();
    let latencies = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..load.connections)
            .map(|connection| {
                let (make, stop) = (&make, &stop);
                scope.spawn(move || {
                    let mut client = Client::connect(server.address());
                    let mut latencies = Vec::new();
                    let most = match load.until {
                        Until::Requests(most) => most,
                        Until::Elapsed(_) => usize::MAX,
                    };
                    while latencies.len() < most && !stop.load(Ordering::Relaxed) {
                        let request = make(connection, latencies.len());
                        let sent = Instant::now();
                        let status = client.send(&request);
                        latencies.push(u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX));
                        let good = expected.map_or((200..300).contains(&status), |wanted| status == wanted);
                        assert!(good, "status {status} for {}", String::from_utf8_lossy(&request));
                    }
                    latencies
                })
            })
            .collect();
        if let Until::Elapsed(time) = load.until {
            std::thread::sleep(time);
            stop.store(true, Ordering::Relaxed);
        }
        workers.into_iter().flat_map(|worker| worker.join().expect("a worker failed")).collect::<Vec<_>>()
    });
    let seconds = started.elapsed().as_secs_f64();
    let requests = latencies.len();
    let cpu = server.cpu().saturating_sub(cpu).as_secs_f64() * 1e6 / requests.max(1) as f64;
    let mut latencies = latencies;
    latencies.sort_unstable();
    Measured { requests, seconds, cpu, latencies }
}

/// One connection.
pub struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("cannot connect");
        stream.set_nodelay(true).expect("cannot set nodelay");
        Self { stream, buffer: Vec::with_capacity(1 << 16) }
    }

    /// Sends a request and reads its answer; [`Client::body`] then has the body.
    pub fn send(&mut self, request: &[u8]) -> u16 {
        self.stream.write_all(request).expect("cannot send");
        self.buffer.clear();
        let mut chunk = [0_u8; 1 << 16];
        let mut end = None;
        loop {
            if let Some(end) = end
                && self.buffer.len() >= end
            {
                break;
            }
            let read = self.stream.read(&mut chunk).expect("cannot receive");
            assert!(read > 0, "the server closed the connection");
            self.buffer.extend_from_slice(&chunk[..read]);
            if end.is_none() {
                end = self.head().map(|head| head + self.content_length(head));
            }
        }
        std::str::from_utf8(&self.buffer[9..12]).ok().and_then(|s| s.parse().ok()).expect("no status")
    }

    /// The body of the last answer.
    pub fn body(&self) -> &[u8] {
        &self.buffer[self.head().expect("no answer")..]
    }

    fn head(&self) -> Option<usize> {
        self.buffer.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
    }

    fn content_length(&self, head: usize) -> usize {
        let head = String::from_utf8_lossy(&self.buffer[..head]).to_ascii_lowercase();
        let value = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        value.map_or(0, |value| value.trim().parse().expect("content-length"))
    }
}

/// A request with this method, path, bearer token and body.
pub fn request(method: &str, path: &str, token: &str, body: &str) -> Request {
    let mut request = format!(
        "{method} {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\nUser-Agent: bench\r\n"
    );
    if !body.is_empty() {
        request += &format!("Content-Type: application/scim+json\r\nContent-Length: {}\r\n", body.len());
    }
    (request + "\r\n" + body).into_bytes()
}
