//! Who asks and does not read is cut off; the others do not notice.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::app::App;
use crate::support::backend::Backend;
use crate::support::scim::Scim;

/// A little more than a server waits for its answers to be taken.
const LONG: Duration = Duration::from_secs(60);

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_client_that_does_not_read_is_cut_off() {
    let app = App::furnished(Backend::Sqlite).await.unwrap();
    let scim = app.generic();
    for n in 0..50 {
        let title = "x".repeat(4000);
        scim.post("/Users", &serde_json::json!({"userName": format!("u{n}"), "title": title}))
            .await
            .expect(201);
    }
    let mut stream = glutton(&app, &scim).await;
    let begun = Instant::now();
    // Nothing is read. When the server gives up, what is sent is refused.
    let ask = request(&scim);
    let cut = loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let sent = tokio::time::timeout(Duration::from_millis(100), stream.write_all(&ask)).await;
        if matches!(sent, Ok(Err(_))) {
            break true;
        }
        if begun.elapsed() > LONG {
            break false;
        }
    };
    assert!(cut, "the connection is still open after {:?}", begun.elapsed());
    assert_eq!(scim.count("Users").await, 50, "the others are served");
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
}

/// A connection with a small window and many answers under way.
async fn glutton(app: &App, scim: &Scim) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(app.address()).await.unwrap();
    for _ in 0..40 {
        stream.write_all(&request(scim)).await.unwrap();
    }
    stream
}

fn request(scim: &Scim) -> Vec<u8> {
    let (path, token) = (format!("{}/Users?count=1000", scim.base), &scim.token);
    format!("GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n").into_bytes()
}
