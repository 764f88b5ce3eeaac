//! Writes on SQLite: one thread runs many queued writes in one commit.
//!
//! A durable commit waits for the disk; a savepoint does not. Up to [`BATCH`] queued writes share one
//! transaction, each in its own savepoint, and every one is answered after the commit. So an answered write
//! is on disk, a failed one leaves nothing, and the rate is a multiple of one commit each.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use diesel::Connection;
use tokio::sync::oneshot;

use crate::audit::{self, Entry, Note};
use crate::checkpoint::Checkpoints;
use crate::conn::Conn;
use crate::dialect;
use crate::endpoints::EndpointId;
use crate::error::StoreError;
use crate::pulse::Pulse;

const BATCH: usize = 64;
const QUEUE: usize = 1024;
/// How long the next write is waited for, when more are to be expected.
const GAP: Duration = Duration::from_micros(300);

/// A write transaction. Only [`crate::Store::write`] makes one; it reads like a [`Conn`].
pub struct Tx<'a> {
    conn: &'a mut Conn,
    wake: Wake,
    /// The endpoint whose writers wait for this transaction, when it was known at the beginning.
    locked: Option<EndpointId>,
}

/// What a write leaves to be done.
#[derive(Default)]
pub(crate) struct Wake {
    /// Endpoints or live tokens changed.
    pub(crate) registry_changed: bool,
    /// Endpoints whose change log grew.
    changed: BTreeSet<EndpointId>,
    /// Acts that are not in the audit log yet: [`Tx::seal`] writes them.
    notes: Vec<Note>,
    /// Those that are.
    entries: Vec<Entry>,
}

impl Wake {
    /// Says in the server's log what was committed, and wakes those who wait for it.
    pub(crate) fn tell(&self, pulse: &Pulse) {
        pulse.beat(&self.changed);
        self.entries.iter().for_each(Entry::tell);
    }
}

impl Tx<'_> {
    /// Marks that endpoints or live tokens changed: what is kept in memory is replaced before the answer.
    pub(crate) fn registry_changed(&mut self) {
        self.wake.registry_changed = true;
    }

    /// Marks that the change log of an endpoint grew: who waits for that is woken after the commit.
    pub(crate) fn directory_changed(&mut self, endpoint: &EndpointId) {
        if !self.wake.changed.contains(endpoint) {
            self.wake.changed.insert(endpoint.clone());
        }
    }

    /// Says who does what to what: every change of an operator passes here, whichever way it came. It goes into the
    /// audit log at the end of this transaction, or nowhere when that fails.
    pub(crate) fn note(&mut self, note: Note) {
        self.wake.notes.push(note);
    }

    /// Runs several acts that are one to whoever asks; `sum` makes their one entry of what came out.
    pub(crate) fn as_one<T>(
        &mut self,
        acts: impl FnOnce(&mut Self) -> Result<T, StoreError>,
        sum: impl FnOnce(&T) -> Note,
    ) -> Result<T, StoreError> {
        let before = self.wake.notes.len();
        let value = acts(self)?;
        self.wake.notes.truncate(before);
        self.note(sum(&value));
        Ok(value)
    }

    /// Runs a part of the write that may fail alone: on an error nothing of the part stays, and the write goes on.
    ///
    /// # Errors
    /// What `part` returns.
    pub fn attempt<T>(
        &mut self,
        part: impl FnOnce(&mut Tx<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let (value, wake) = savepoint(self.conn, self.locked.clone(), part)?;
        self.wake.registry_changed |= wake.registry_changed;
        self.wake.notes.extend(wake.notes);
        self.wake.changed.extend(wake.changed);
        Ok(value)
    }

    /// Whether the writers of this endpoint wait already.
    pub(crate) fn locks(&self, endpoint: &EndpointId) -> bool {
        self.locked.as_ref() == Some(endpoint)
    }

    /// The last act of every write: what was noted goes into the audit log, whose lock is held for no longer than that
    /// takes, and a changed registry gets a new version, for the other processes.
    pub(crate) fn seal(&mut self) -> Result<(), StoreError> {
        let notes = std::mem::take(&mut self.wake.notes);
        if !notes.is_empty() {
            let entries = audit::append(self, notes)?;
            self.wake.entries.extend(entries);
        }
        if self.wake.registry_changed { crate::registry::bump(self) } else { Ok(()) }
    }
}

impl std::ops::Deref for Tx<'_> {
    type Target = Conn;
    fn deref(&self) -> &Conn {
        self.conn
    }
}

impl std::ops::DerefMut for Tx<'_> {
    fn deref_mut(&mut self) -> &mut Conn {
        self.conn
    }
}

/// Runs one write in a savepoint of the transaction that `conn` is in, and gives what it leaves to be done.
#[expect(clippy::disallowed_methods, reason = "inside a write transaction this is a savepoint")]
pub(crate) fn savepoint<T>(
    conn: &mut Conn,
    locked: Option<EndpointId>,
    write: impl FnOnce(&mut Tx<'_>) -> Result<T, StoreError>,
) -> Result<(T, Wake), StoreError> {
    conn.transaction(|conn| {
        let mut tx = Tx { conn, wake: Wake::default(), locked };
        let value = write(&mut tx)?;
        Ok((value, tx.wake))
    })
}

/// Runs one write in a transaction of its own, and gives what it leaves to be done. The writers of the endpoint, if one
/// is told, wait for each other.
pub(crate) fn alone<T>(
    conn: &mut Conn,
    endpoint: Option<&EndpointId>,
    write: impl FnOnce(&mut Tx<'_>) -> Result<T, StoreError>,
) -> Result<(T, Wake), StoreError> {
    dialect::begin_write(conn, endpoint)?;
    let mut tx = Tx { conn, wake: Wake::default(), locked: endpoint.cloned() };
    let outcome = write(&mut tx).map(|value| (value, tx.wake));
    match outcome {
        Ok(_) => dialect::commit(conn)?,
        Err(_) => dialect::rollback(conn),
    }
    outcome
}

/// What is left to do for a write once the commit has succeeded or failed.
struct Ran {
    wake: Wake,
    /// The database failed, not the request: SQLite may have rolled back more than the savepoint.
    fault: Option<String>,
    answer: Box<dyn FnOnce(Result<(), StoreError>) + Send>,
}

type Job = Box<dyn FnOnce(&mut Conn) -> Ran + Send>;

/// What the thread is asked to do.
enum Order {
    Write(Job),
    /// End, and say so once the connections are closed.
    Close(oneshot::Sender<()>),
}

/// The way into the writer thread. The thread ends when it is told, or when this is dropped; then it is waited for, so
/// that a program that ends leaves a file whose log is empty.
pub(crate) struct Writer {
    queue: Option<SyncSender<Order>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != std::thread::current().id()
        {
            let _ = thread.join();
        }
    }
}

impl Writer {
    /// Starts the thread. `connect` opens its connection, and a new one whenever the old may be broken; `reload`
    /// runs after a commit that changed the registry, before the answers.
    pub(crate) fn start(
        connect: impl Fn() -> Result<Conn, StoreError> + Send + Sync + 'static,
        reload: impl Fn(&mut Conn) -> Result<(), StoreError> + Send + 'static,
        pulse: Arc<Pulse>,
    ) -> Result<Self, StoreError> {
        let (sender, queue) = sync_channel::<Order>(QUEUE);
        let connect = Arc::new(connect);
        let checkpoints = Checkpoints::start(connect.clone())?;
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || run(&queue, &*connect, (&reload, &pulse), checkpoints))
            .map_err(|e| StoreError::Unavailable(format!("cannot start the writer thread: {e}")))?;
        Ok(Self { queue: Some(sender), thread: Some(thread) })
    }

    /// Carries out what is queued, closes the connections, and ends; later writes are refused.
    pub(crate) async fn close(&self) {
        let (sender, closed) = oneshot::channel();
        let Some(queue) = self.queue.clone() else { return };
        // A full queue is waited for, but not here.
        let told = tokio::task::spawn_blocking(move || queue.send(Order::Close(sender)).is_ok()).await;
        if told.unwrap_or(false) {
            let _ = closed.await;
        }
    }

    /// Queues a write and waits for its commit.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (sender, answer) = oneshot::channel();
        let job: Job = Box::new(move |conn| {
            let (outcome, wake) = match savepoint(conn, None, write) {
                Ok((value, wake)) => (Ok(value), wake),
                Err(error) => (Err(error), Wake::default()),
            };
            let fault = outcome.as_ref().err().filter(|error| error.is_fault()).map(StoreError::reason);
            let answer = Box::new(move |committed: Result<(), StoreError>| {
                // The requester may have gone away; the write stands all the same.
                let _ = sender.send(outcome.and_then(|value| committed.map(|()| value)));
            });
            Ran { wake, fault, answer }
        });
        let ended = || StoreError::Unavailable("the store is closed".into());
        let queue = self.queue.as_ref().ok_or_else(ended)?;
        queue.try_send(Order::Write(job)).map_err(|e| match e {
            TrySendError::Full(_) => StoreError::Busy,
            TrySendError::Disconnected(_) => ended(),
        })?;
        answer
            .await
            .unwrap_or_else(|_| Err(StoreError::Unavailable("the write could not be carried out".into())))
    }
}

fn run(
    queue: &Receiver<Order>,
    connect: &impl Fn() -> Result<Conn, StoreError>,
    after: (&impl Fn(&mut Conn) -> Result<(), StoreError>, &Pulse),
    checkpoints: Checkpoints,
) {
    let mut kept: Option<Conn> = None;
    let mut before = 1;
    while let Ok(first) = queue.recv() {
        let mut batch = Batch { queue, next: Some(first), taken: 0, expected: before, closing: None };
        if !matches!(batch.next, Some(Order::Close(_))) {
            kept = work(kept, &mut batch, connect, after);
            checkpoints.committed();
        }
        before = batch.taken.max(1);
        if let Some(closed) = batch.closed() {
            checkpoints.end();
            drop(kept);
            let _ = closed.send(());
            return;
        }
    }
    checkpoints.end();
}

/// The writes of one commit, as they come. While there are fewer of them than in the commit before, the next one is waited
/// for a moment: those who were answered together ask again one after the other, and each commit costs a turn of the disk.
struct Batch<'a> {
    queue: &'a Receiver<Order>,
    next: Option<Order>,
    taken: usize,
    expected: usize,
    closing: Option<oneshot::Sender<()>>,
}

impl Batch<'_> {
    /// Whom to tell that the thread ends, if it was told to.
    fn closed(self) -> Option<oneshot::Sender<()>> {
        match self.next {
            Some(Order::Close(closed)) => Some(closed),
            _ => self.closing,
        }
    }
}

impl Iterator for Batch<'_> {
    type Item = Job;

    fn next(&mut self) -> Option<Job> {
        if self.taken >= BATCH || self.closing.is_some() {
            return None;
        }
        let waiting = self.next.take().or_else(|| self.queue.try_recv().ok());
        let order = match waiting {
            Some(order) => order,
            None if self.taken < self.expected => self.queue.recv_timeout(GAP).ok()?,
            None => return None,
        };
        match order {
            Order::Write(job) => {
                self.taken += 1;
                Some(job)
            }
            Order::Close(closed) => {
                self.closing = Some(closed);
                None
            }
        }
    }
}

/// Does a batch, and gives the connection back if it is sound. A write that is dropped is answered: nothing was done.
fn work(
    kept: Option<Conn>,
    batch: &mut Batch<'_>,
    connect: &impl Fn() -> Result<Conn, StoreError>,
    after: (&impl Fn(&mut Conn) -> Result<(), StoreError>, &Pulse),
) -> Option<Conn> {
    let begun = kept
        .map_or_else(connect, Ok)
        .and_then(|mut conn| dialect::begin_write(&mut conn, None).map(|()| conn))
        .map_err(|error| report(&error));
    let Ok(mut conn) = begun else {
        // Whoever waits by now would meet the same.
        batch.expected = 0;
        batch.for_each(drop);
        return None;
    };
    // A connection that saw a panic or a fault is not used again: closing it rolls back whatever it held.
    match carry_out(&mut conn, batch) {
        Ok(ran) => settle(&mut conn, ran, after).then_some(conn),
        Err(Panicked) => {
            tracing::error!("a write panicked; its batch was rolled back");
            None
        }
    }
}

fn report(error: &StoreError) {
    tracing::error!(%error, "a write transaction could not begin");
}

struct Panicked;

/// Runs the jobs of a batch in the transaction that has begun. After a fault no more are taken.
fn carry_out(conn: &mut Conn, batch: &mut Batch<'_>) -> Result<Vec<Ran>, Panicked> {
    std::panic::catch_unwind(AssertUnwindSafe(|| {
        let mut ran = Vec::with_capacity(batch.expected);
        for job in batch {
            let outcome = job(conn);
            let faulty = outcome.fault.is_some();
            ran.push(outcome);
            if faulty {
                break;
            }
        }
        ran
    }))
    .map_err(|_| Panicked)
}

/// Commits, takes over a changed registry, answers everybody; false when the connection is to be given up.
fn settle(
    conn: &mut Conn,
    ran: Vec<Ran>,
    (reload, pulse): (&impl Fn(&mut Conn) -> Result<(), StoreError>, &Pulse),
) -> bool {
    let failed = match ran.iter().find_map(|r| r.fault.clone()) {
        Some(fault) => Some(fault),
        None => dialect::commit(conn).err().as_ref().map(StoreError::reason),
    };
    if let Some(failure) = &failed {
        tracing::error!(failure, "a batch of writes was not committed");
    } else {
        ran.iter().for_each(|r| r.wake.tell(pulse));
        if ran.iter().any(|r| r.wake.registry_changed)
            && let Err(error) = reload(conn)
        {
            // What was written stands; the watch over the registry's version tries again within the second.
            tracing::error!(%error, "the registry could not be reloaded after a change");
        }
    }
    for r in ran {
        (r.answer)(failed.as_ref().map_or(Ok(()), |failure| Err(StoreError::Unavailable(failure.clone()))));
    }
    failed.is_none()
}
