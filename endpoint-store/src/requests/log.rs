//! What was heard and is not written yet: a queue in memory, bounded as a whole and fair among endpoints.
//!
//! A request asks for a place first ([`Log::has_room`]) and hands itself over when it is answered. When they come faster
//! than they are written, reads that succeeded are left out first, then changes, and refusals last; whatever is left out
//! is counted.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use scim_core::schema::ResourceType;

use crate::endpoints::EndpointId;
use crate::ids::Millis;
use crate::usage::Cause;

/// Requests that one batch takes; a server writes a few batches in a second.
const BATCH: usize = 300;
/// Requests that wait, all endpoints together.
const MOST: usize = 3000;
/// Bytes of bodies that wait.
const MOST_BYTES: usize = 8 * 1024 * 1024;

/// What a request is to the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// It only read, and was answered.
    Read,
    /// It changed something.
    Change,
    /// It was refused or turned away, or failed.
    Refusal,
}

impl Class {
    /// All of them, in the order in which they are kept.
    pub const ALL: [Self; 3] = [Self::Refusal, Self::Change, Self::Read];

    /// What an answer makes of a request.
    pub fn of(status: u16, is_read: bool) -> Self {
        match (status, is_read) {
            (400.., _) => Self::Refusal,
            (_, true) => Self::Read,
            (_, false) => Self::Change,
        }
    }

    /// As it is called in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Change => "change",
            Self::Refusal => "refusal",
        }
    }

    fn place(self) -> usize {
        match self {
            Self::Read => 0,
            Self::Change => 1,
            Self::Refusal => 2,
        }
    }

    /// Places for all endpoints, and for each at least.
    fn room(self) -> (usize, usize) {
        match self {
            Self::Read => (60, 4),
            Self::Change => (600, 8),
            Self::Refusal => (600, 16),
        }
    }
}

/// A request with its answer as they were: never printed, and kept only after masking.
pub struct Heard {
    /// Whose it is.
    pub endpoint: EndpointId,
    /// As in `X-Request-Id`.
    pub id: String,
    /// When it came.
    pub at: Millis,
    /// Its method.
    pub method: String,
    /// Its path and query.
    pub target: String,
    /// What it asked for; `None` when path or method are none of SCIM's, or nobody looked.
    pub operation: Option<&'static str>,
    /// Whether that is one that only reads.
    pub is_read: bool,
    /// The type of resource that it is about.
    pub resource_type: Option<Arc<ResourceType>>,
    /// The resource that its path names.
    pub resource_id: String,
    /// Status of the answer.
    pub status: u16,
    /// Why it was turned away.
    pub cause: Option<Cause>,
    /// How long the answer took.
    pub took: Duration,
    /// Public id of the token, or empty.
    pub token_id: String,
    /// Where it came from.
    pub address: String,
    /// `User-Agent`, or empty.
    pub agent: String,
    /// Tolerances that it needed.
    pub rules: Vec<&'static str>,
    /// Attributes that were left out.
    pub dropped: Vec<String>,
    /// Members that were left out.
    pub skipped: usize,
    /// Its body.
    pub body: Bytes,
    /// The answer's body; empty for reads that succeeded.
    pub response: Bytes,
}

impl Heard {
    pub(super) fn class(&self) -> Class {
        Class::of(self.status, self.is_read)
    }

    fn bytes(&self) -> usize {
        self.body.len() + self.response.len()
    }
}

#[derive(Default)]
struct Lane {
    waiting: [Vec<Heard>; 3],
    unlogged: Unlogged,
}

/// How many requests of an endpoint were left out, and when.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Unlogged {
    /// By [`Class::place`].
    counts: [i64; 3],
    pub(crate) first_at: Millis,
    pub(crate) last_at: Millis,
}

impl Unlogged {
    pub(super) fn of(&self, class: Class) -> i64 {
        self.counts.get(class.place()).copied().unwrap_or(0)
    }

    fn add(&mut self, class: Class, count: i64, at: Millis) {
        if !self.any() {
            self.first_at = at;
        }
        self.first_at = self.first_at.min(at);
        self.last_at = self.last_at.max(at);
        if let Some(counted) = self.counts.get_mut(class.place()) {
            *counted += count;
        }
    }

    fn any(&self) -> bool {
        self.counts.iter().any(|count| *count > 0)
    }
}

#[derive(Default)]
struct Queue {
    lanes: HashMap<EndpointId, Lane>,
    rows: usize,
    bytes: usize,
    /// Whose requests were taken since somebody asked.
    grown: HashSet<EndpointId>,
}

/// What one write takes.
#[derive(Default)]
pub(crate) struct Batch {
    pub(super) heard: Vec<Heard>,
    pub(super) unlogged: Vec<(EndpointId, Unlogged)>,
}

/// The queue of one server.
#[derive(Default)]
pub struct Log {
    queue: Mutex<Queue>,
    unlogged: [AtomicU64; 3],
}

impl Log {
    /// Whether a request of this kind can be taken; if not, it is counted as left out.
    pub fn has_room(&self, endpoint: &EndpointId, class: Class, at: Millis) -> bool {
        let mut queue = self.queue();
        let full = queue.rows >= MOST || queue.bytes >= MOST_BYTES;
        let (room, least) = class.room();
        let share = (room / queue.lanes.len().max(1)).max(least);
        if let Some(lane) = queue.lanes.get_mut(endpoint) {
            if !full && lane.waiting.get(class.place()).is_some_and(|waiting| waiting.len() < share) {
                return true;
            }
            lane.unlogged.add(class, 1, at);
        } else if !full {
            return true;
        } else {
            queue.lanes.entry(endpoint.clone()).or_default().unlogged.add(class, 1, at);
        }
        drop(queue);
        self.count(class, 1);
        false
    }

    /// Takes a request that [`Log::has_room`] let in.
    pub fn push(&self, heard: Heard) {
        let mut queue = self.queue();
        queue.rows += 1;
        queue.bytes += heard.bytes();
        let class = heard.class();
        let lane = queue.lanes.entry(heard.endpoint.clone()).or_default();
        if let Some(waiting) = lane.waiting.get_mut(class.place()) {
            waiting.push(heard);
        }
    }

    /// How many requests of this kind were left out since the server started.
    pub fn unlogged(&self, class: Class) -> u64 {
        self.unlogged.get(class.place()).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    fn count(&self, class: Class, many: usize) {
        if let Some(count) = self.unlogged.get(class.place()) {
            count.fetch_add(many as u64, Ordering::Relaxed);
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // A panic while adding leaves at worst one request unlogged.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is due for writing: refusals first, and of each kind a fair part for every endpoint. Reads that do not fit
    /// are left out; the others wait for the next time.
    pub(crate) fn take(&self) -> Batch {
        let mut batch = Batch::default();
        let mut queue = self.queue();
        for class in Class::ALL {
            deal(&mut queue, class, &mut batch.heard);
        }
        for lane in queue.lanes.values_mut() {
            let reads = lane.waiting.get_mut(Class::Read.place()).map(std::mem::take).unwrap_or_default();
            for read in reads {
                lane.unlogged.add(Class::Read, 1, read.at);
                self.count(Class::Read, 1);
            }
        }
        queue.lanes.retain(|endpoint, lane| {
            if lane.unlogged.any() {
                batch.unlogged.push((endpoint.clone(), std::mem::take(&mut lane.unlogged)));
            }
            lane.waiting.iter().any(|waiting| !waiting.is_empty())
        });
        let left = || queue.lanes.values().flat_map(|lane| lane.waiting.iter().flatten());
        let (rows, bytes) = (left().count(), left().map(Heard::bytes).sum());
        (queue.rows, queue.bytes) = (rows, bytes);
        for heard in &batch.heard {
            if !queue.grown.contains(&heard.endpoint) {
                queue.grown.insert(heard.endpoint.clone());
            }
        }
        batch
    }

    /// The endpoints whose logs have grown since this was last asked: they may be too long now.
    pub fn grown(&self) -> Vec<EndpointId> {
        std::mem::take(&mut self.queue().grown).into_iter().collect()
    }

    /// What could not be written counts as left out.
    pub(super) fn lost(&self, endpoint: &EndpointId, class: Class, at: Millis) {
        self.queue().lanes.entry(endpoint.clone()).or_default().unlogged.add(class, 1, at);
        self.count(class, 1);
    }

    /// What was counted and could not be written waits for the next time.
    pub(super) fn put_back(&self, endpoint: &EndpointId, unlogged: Unlogged) {
        let mut queue = self.queue();
        let lane = queue.lanes.entry(endpoint.clone()).or_default();
        for class in Class::ALL {
            let count = unlogged.of(class);
            if count > 0 {
                lane.unlogged.add(class, count, unlogged.first_at);
                lane.unlogged.add(class, 0, unlogged.last_at);
            }
        }
    }
}

/// Moves what waits into the batch, in turns, until it is full.
fn deal(queue: &mut Queue, class: Class, into: &mut Vec<Heard>) {
    loop {
        let open = BATCH.saturating_sub(into.len());
        let waiting = |lane: &Lane| lane.waiting.get(class.place()).map_or(0, Vec::len);
        let lanes = queue.lanes.values().filter(|lane| waiting(lane) > 0).count();
        if open == 0 || lanes == 0 {
            return;
        }
        let share = (open / lanes).max(1);
        for lane in queue.lanes.values_mut() {
            let Some(waiting) = lane.waiting.get_mut(class.place()) else { continue };
            let some = waiting.len().min(share).min(BATCH.saturating_sub(into.len()));
            into.extend(waiting.drain(..some));
        }
    }
}

#[cfg(test)]
mod tests;
