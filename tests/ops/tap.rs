//! Something between the clients and the server that keeps a copy of every answer, byte for byte.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Clients connect to its address instead of the server's.
pub(super) struct Tap {
    pub(super) address: SocketAddr,
    answers: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Tap {
    /// On the line to this server.
    pub(super) async fn on(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it has an address");
        let answers = Arc::new(Mutex::new(Vec::new()));
        let kept = answers.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, server, kept.clone()));
            }
        });
        Self { address, answers }
    }

    /// One answer each: the tests' clients close the connection after it.
    pub(super) fn answers(&self) -> Vec<Vec<u8>> {
        self.answers.lock().unwrap().clone()
    }
}

async fn pass(client: TcpStream, server: SocketAddr, kept: Arc<Mutex<Vec<Vec<u8>>>>) {
    let upstream = TcpStream::connect(server).await.expect("the server is there");
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = upstream.into_split();
    let asking = tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
    let mut answer = Vec::new();
    // A server that refuses a body early may reset the line; what came until then counts.
    let _ = from_server.read_to_end(&mut answer).await;
    // Kept before the client has it, so that nobody looks too early.
    kept.lock().unwrap().push(answer.clone());
    let _ = to_client.write_all(&answer).await;
    drop(to_client);
    asking.abort();
}
