//! The version of a resource as a client knows it.

use scim_core::meta::{self, Membership};

use super::read::Record;

impl Record {
    /// The entity tag of an answer with this record, in its header and its `meta.version` alike. It covers the groups if
    /// the answer shows them (see [`meta::etag`]).
    #[must_use]
    pub fn etag(&self) -> String {
        let groups = self.memberships.iter().flatten();
        let shown = groups.map(|link| Membership { id: &link.id, name: &link.name, direct: link.direct });
        meta::etag(self.version, shown)
    }
}
