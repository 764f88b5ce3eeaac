//! A Secret Server of a test's own, with the oddities of real ones behind switches. It is made after the published
//! description of the REST API alone; what that leaves open is decided here, and can be decided otherwise by a switch.

mod answers;
mod world;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

pub(crate) use world::{Fault, Switches, World};

/// Name of its application account.
pub(crate) const ACCOUNT: &str = "scimapp";
/// The account's password.
pub(crate) const PASSWORD: &str = "Vault-pass-77-not-to-be-found";

/// A running one. It dies with its handle.
pub(crate) struct Vault {
    address: SocketAddr,
    world: Arc<Mutex<World>>,
    serving: Option<tokio::task::JoinHandle<()>>,
}

impl Vault {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let world = Arc::new(Mutex::new(World::new()));
        let serving = tokio::spawn(serve(listener, world.clone()));
        Self { address, world, serving: Some(serving) }
    }

    /// Its base URL, with a virtual directory as most have.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/SecretServer", self.address)
    }

    /// What is in it. Not to be held over an await.
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// Changes how it behaves.
    pub(crate) fn switch(&self, change: impl FnOnce(&mut Switches)) {
        change(&mut self.world().switches);
    }

    /// It dies: nobody can connect any more.
    pub(crate) fn die(&mut self) {
        if let Some(serving) = self.serving.take() {
            serving.abort();
        }
    }

    /// It comes back at its address, with what was in it.
    pub(crate) async fn come_back(&mut self) {
        self.die();
        let listener = loop {
            // The former listener goes away with its task.
            match TcpListener::bind(self.address).await {
                Ok(listener) => break listener,
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        };
        self.serving = Some(tokio::spawn(serve(listener, self.world.clone())));
    }
}

impl Drop for Vault {
    fn drop(&mut self) {
        self.die();
    }
}

async fn serve(listener: TcpListener, world: Arc<Mutex<World>>) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            let world = world.clone();
            connections.spawn(async move {
                let _ = exchange(stream, &world).await;
            });
        }
    }
}

/// One request as it came.
pub(crate) struct Asked {
    pub(crate) method: String,
    /// Behind the virtual directory, in lower case.
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) authorization: Option<String>,
    pub(crate) body: Vec<u8>,
}

impl Asked {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// What is answered.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) kind: &'static str,
    pub(crate) body: String,
    pub(crate) retry_after: Option<u64>,
    /// The connection breaks before anything of this is sent.
    pub(crate) lost: bool,
}

async fn exchange(mut stream: TcpStream, world: &Mutex<World>) -> std::io::Result<()> {
    let Some(asked) = read(&mut stream).await? else { return Ok(()) };
    let (reply, slow) = {
        let mut world = world.lock().unwrap();
        (answers::answer(&mut world, &asked), world.switches.slow)
    };
    if let Some(slow) = slow {
        tokio::time::sleep(slow).await;
    }
    if reply.lost {
        return Ok(());
    }
    let retry = reply.retry_after.map(|seconds| format!("Retry-After: {seconds}\r\n")).unwrap_or_default();
    let head = format!(
        "HTTP/1.1 {} X\r\nContent-Type: {}\r\nContent-Length: {}\r\n{retry}Connection: close\r\n\r\n",
        reply.status,
        reply.kind,
        reply.body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(reply.body.as_bytes()).await?;
    stream.shutdown().await
}

async fn read(stream: &mut TcpStream) -> std::io::Result<Option<Asked>> {
    let mut bytes = Vec::new();
    let mut part = [0; 4096];
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        match stream.read(&mut part).await? {
            0 => return Ok(None),
            n => bytes.extend_from_slice(&part[..n]),
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.lines();
    let first: Vec<String> = lines.next().unwrap_or_default().split(' ').map(str::to_owned).collect();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let header = |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    let length: usize = header("content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
    let mut body = bytes[end + 4..].to_vec();
    while body.len() < length {
        match stream.read(&mut part).await? {
            0 => return Ok(None),
            n => body.extend_from_slice(&part[..n]),
        }
    }
    let (path, query) = first[1].split_once('?').unwrap_or((&first[1], ""));
    // Paths are compared without case, as ASP.NET does.
    let path = path.to_ascii_lowercase();
    Ok(Some(Asked {
        method: first[0].clone(),
        path: path.strip_prefix("/secretserver").unwrap_or("/nowhere").to_owned(),
        query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        authorization: header("authorization"),
        body,
    }))
}
