//! A place in the change log of one endpoint, as readers keep it: opaque, and good for that endpoint alone.

use sha2::{Digest as _, Sha256};

use crate::endpoints::EndpointId;
use crate::ids::Millis;

/// How much of a log has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The last change set that was read at least in part; 0 before the first.
    pub seq: i64,
    /// How many of its events were read; 0 stands for all.
    pub part: usize,
    /// When that change was made: a log that was set back to a backup has another change under the number.
    pub at: Millis,
}

impl Cursor {
    /// Before the first change.
    pub const START: Self = Self { seq: 0, part: 0, at: 0 };

    /// As it is handed out.
    pub fn encode(&self, endpoint: &EndpointId) -> String {
        let place = format!("{:x}-{:x}-{:x}", self.seq, self.part, self.at);
        let mark = mark(&place, endpoint);
        format!("{place}-{mark}")
    }

    /// Reads what was handed out for this endpoint; `None` for anything else.
    pub fn decode(text: &str, endpoint: &EndpointId) -> Option<Self> {
        let (place, given) = text.rsplit_once('-')?;
        if mark(place, endpoint) != given {
            return None;
        }
        let mut parts = place.split('-');
        let mut number = || i64::from_str_radix(parts.next()?, 16).ok();
        let (seq, part, at) = (number()?, number()?, number()?);
        Some(Self { seq, part: usize::try_from(part).ok()?, at })
    }
}

/// Tells a cursor from a mistyped one, and from that of another endpoint. No secret: whoever may read an endpoint's feed
/// may read it from anywhere.
fn mark(place: &str, endpoint: &EndpointId) -> String {
    let digest = Sha256::digest(format!("{}/{place}", endpoint.as_str()).as_bytes());
    digest.iter().take(5).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_and_opens_its_endpoint_alone() {
        let (own, other) = (EndpointId("own".into()), EndpointId("other".into()));
        for cursor in [Cursor::START, Cursor { seq: 7_000_000, part: 3, at: 1_790_000_000_123 }] {
            let text = cursor.encode(&own);
            assert_eq!(Cursor::decode(&text, &own), Some(cursor));
            assert_eq!(Cursor::decode(&text, &other), None);
            assert_eq!(Cursor::decode(&text.replace('-', "_"), &own), None);
            assert_eq!(Cursor::decode(&format!("1{text}"), &own), None);
        }
        assert_eq!(Cursor::decode("", &own), None);
        assert_eq!(Cursor::decode("-", &own), None);
    }
}
