//! What was tolerated on the way, for the request inspector.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::dialect::{Dialect, Rule};
use crate::shape::Shape;

/// The deviations met while reading one request. An empty one means: by the letter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notes {
    /// The tolerances that were used.
    pub rules: BTreeSet<Rule>,
    /// Paths of attributes that were left out because the schema does not know them or because
    /// they may not be written.
    pub dropped: BTreeSet<String>,
    /// What the values of these looked like, where one came.
    pub shapes: BTreeMap<String, Shape>,
    /// Members that were left out because there is no such resource; filled by the store.
    pub skipped_members: Vec<String>,
}

impl Notes {
    /// Whether nothing had to be tolerated.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty() && self.dropped.is_empty() && self.skipped_members.is_empty()
    }

    /// Adds another request part's notes.
    pub fn absorb(&mut self, other: Self) {
        self.rules.extend(other.rules);
        self.dropped.extend(other.dropped);
        self.shapes.extend(other.shapes);
        self.skipped_members.extend(other.skipped_members);
    }

    /// Whether the dialect tolerates this; notes it if so.
    pub(crate) fn tolerate(&mut self, dialect: Dialect, rule: Rule) -> bool {
        let tolerated = dialect.has(rule);
        if tolerated {
            self.rules.insert(rule);
        }
        tolerated
    }

    /// Notes an attribute that is left out. Bounded, as the names are the client's.
    pub(crate) fn drop_path(&mut self, path: &str) {
        const MOST: usize = 100;
        if self.dropped.len() < MOST {
            self.dropped.insert(path.chars().take(200).collect());
        }
    }

    /// The same with the value that came, whose shape is remembered.
    pub(crate) fn drop_value(&mut self, path: &str, value: Option<&Value>) {
        self.drop_path(path);
        let name: String = path.chars().take(200).collect();
        if let Some(shape) = value.and_then(Shape::of).filter(|_| self.dropped.contains(&name)) {
            self.shapes.insert(name, shape);
        }
    }
}
