//! What was committed is taken over from SQLite's write-ahead log into the file by a thread of its own.
//!
//! SQLite would do it inside of some commit, which then waits for the disk a second and a third time, and with it all
//! requests of its batch. A passive checkpoint on another connection keeps nobody waiting; but while writers go on it
//! never catches up with them, and only a log that was taken over whole begins anew. So the writer keeps SQLite's own
//! way as a bound ([`LONGEST`]): by then little is left to be done.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::conn::Conn;
use crate::dialect;
use crate::error::StoreError;

/// Pages in the log at which the writer itself checkpoints: 64 MiB.
pub(crate) const LONGEST: u32 = 16_384;
/// Pages that are worth a checkpoint: 4 MiB, as SQLite thinks.
const WORTH: i64 = 1000;
/// Between two looks at the log.
const PAUSE: Duration = Duration::from_millis(50);

/// The way to the thread.
pub(crate) struct Checkpoints {
    committed: SyncSender<()>,
    thread: JoinHandle<()>,
}

impl Checkpoints {
    /// Starts the thread; `connect` opens its connection.
    pub(crate) fn start(
        connect: Arc<impl Fn() -> Result<Conn, StoreError> + Send + Sync + 'static>,
    ) -> Result<Self, StoreError> {
        let (committed, commits) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("store-checkpoint".into())
            .spawn(move || run(&commits, &*connect))
            .map_err(|e| StoreError::Unavailable(format!("cannot start the checkpoint thread: {e}")))?;
        Ok(Self { committed, thread })
    }

    /// The log has grown.
    pub(crate) fn committed(&self) {
        // When it is full the thread will look anyway.
        let _ = self.committed.try_send(());
    }

    /// Ends the thread and waits until its connection is closed.
    pub(crate) fn end(self) {
        drop(self.committed);
        let _ = self.thread.join();
    }
}

fn run(commits: &Receiver<()>, connect: &impl Fn() -> Result<Conn, StoreError>) {
    let mut kept: Option<Conn> = None;
    while commits.recv().is_ok() {
        std::thread::sleep(PAUSE);
        let Some(mut conn) = kept.take().or_else(|| connect().ok()) else { continue };
        match dialect::checkpoint(&mut conn, WORTH) {
            Ok(()) => kept = Some(conn),
            // The log stays, and the writer's bound holds.
            Err(error) => {
                tracing::warn!(%error, "the write-ahead log could not be taken over; it is tried again");
            }
        }
    }
}
