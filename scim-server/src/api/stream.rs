//! Answers that are written while they are sent. Whoever does not take theirs in time is cut off.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Bytes;
use futures_core::Stream;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// How long a part of an answer may lie unread.
const PATIENCE: Duration = Duration::from_secs(30);

/// The end of an answer that its writer has.
pub(super) struct Writing(Sender<io::Result<Bytes>>);

/// Nobody takes the answer any more.
pub(super) struct Unread;

impl Writing {
    /// Hands a part on, once the one before it was taken.
    pub(super) async fn write(&self, part: impl Into<Bytes>) -> Result<(), Unread> {
        match tokio::time::timeout(PATIENCE, self.0.send(Ok(part.into()))).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(Unread),
        }
    }

    /// Breaks the connection off: half an answer must not look like a whole one.
    pub(super) async fn break_off(&self, why: &str) {
        let _ = tokio::time::timeout(PATIENCE, self.0.send(Err(io::Error::other(why.to_owned())))).await;
    }

    /// Comes back when the reader has gone away.
    pub(super) async fn unread(&self) {
        self.0.closed().await;
    }
}

/// An answer of a media type, and the end to write it from.
pub(super) fn streamed(media_type: &str) -> (Writing, HttpResponse) {
    let (sender, receiver) = channel(1);
    let response = HttpResponse::Ok()
        .content_type(media_type)
        .insert_header((CACHE_CONTROL, "no-store"))
        // Proxies that gather answers would hold events back.
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(Parts(receiver));
    (Writing(sender), response)
}

struct Parts(Receiver<io::Result<Bytes>>);

impl Stream for Parts {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx)
    }
}
