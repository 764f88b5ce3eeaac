//! Calls to addresses where no endpoint is, with a credential that tells nothing: whose they probably are.
//!
//! Nobody looks through all slugs while a request waits. What came is put aside, a bounded number of different slugs,
//! and a few of them are compared at each flush; the answers are remembered.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::{Seen, Tally, add};
use crate::endpoints::EndpointId;
use crate::registry::Registry;

/// Different slugs that wait to be compared.
const WAITING: usize = 256;
/// How many are compared in one go: some milliseconds each with ten thousand endpoints.
const AT_ONCE: usize = 2;
/// Answers that are remembered.
const REMEMBERED: usize = 1024;
/// No endpoint's slug is longer.
const LONGEST: usize = 63;

#[derive(Default)]
pub(crate) struct Strays {
    waiting: Mutex<HashMap<String, Tally>>,
    answers: Mutex<Answers>,
}

/// What was found, as long as the endpoints are the same.
#[derive(Default)]
struct Answers {
    version: i64,
    known: HashMap<String, Option<EndpointId>>,
}

impl Strays {
    pub(crate) fn add(&self, slug: &str, seen: Seen) {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if slug.is_empty() || slug.len() > LONGEST || !slug.chars().all(plain) {
            return;
        }
        let slug = slug.to_ascii_lowercase();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < WAITING || waiting.contains_key(&slug) {
            add(&mut waiting, slug, Tally::one(seen));
        }
    }

    pub(crate) fn any(&self) -> bool {
        !self.waiting.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Whose calls they probably were. Takes some milliseconds; what is not looked at yet waits for the next time.
    pub(crate) fn resolve(&self, registry: &Registry) -> Vec<(EndpointId, Tally)> {
        let waiting = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let version = registry.version();
        if answers.version != version || answers.known.len() > REMEMBERED {
            *answers = Answers { version, known: HashMap::new() };
        }
        let (mut found, mut budget) = (Vec::new(), AT_ONCE);
        for (slug, tally) in waiting {
            if !answers.known.contains_key(&slug) && budget == 0 {
                add(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner), slug, tally);
                continue;
            }
            let answer = answers.known.entry(slug).or_insert_with_key(|slug| {
                budget -= 1;
                registry.nearest(slug)
            });
            found.extend(answer.clone().map(|endpoint| (endpoint, tally)));
        }
        found
    }
}
