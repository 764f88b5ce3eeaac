//! Whose traffic it looks like: when another identity provider calls than the one an endpoint is set up for.

use endpoint_store::{
    Endpoint,
    observations::{Observation, Observed, stranger_among},
    settings::{Idp, Turned},
};

use scim_core::dialect::Rule;

use crate::ui::{Num, When};

/// Whom the settings are for, inside a sentence.
pub(crate) fn settings_for(idp: Idp) -> &'static str {
    if idp == Idp::Generic { "any SCIM client" } else { idp.label() }
}

/// What an endpoint's pages say about it.
pub(crate) struct Likeness {
    /// What the form sends.
    pub(crate) value: &'static str,
    /// Whose calls they look like.
    pub(crate) label: &'static str,
    /// Whom the settings are for.
    pub(crate) own: &'static str,
    /// How many calls.
    pub(crate) calls: String,
    /// The last of them.
    pub(crate) last: When,
    /// What would be different with the other one's preset: which setting, from what, to what.
    pub(crate) turned: Vec<(String, String, String)>,
}

impl Likeness {
    /// From what was noticed at an endpoint.
    pub(crate) fn of(endpoint: &Endpoint, noticed: &[Observation], now: i64) -> Option<Self> {
        let own = endpoint.idp;
        let seen = noticed.iter().filter_map(|one| match one.what {
            Observed::LooksLike(idp) => Some((idp, one.hits)),
            _ => None,
        });
        let (idp, hits) = stranger_among(own, &seen.collect::<Vec<_>>())?;
        let one = noticed.iter().find(|one| one.what == Observed::LooksLike(idp))?;
        Some(Self {
            value: idp.as_str(),
            label: idp.label(),
            own: settings_for(own),
            calls: Num::of(hits).with("call", "calls"),
            last: When::new(one.last_at, now),
            turned: endpoint.settings.turned(own, idp).into_iter().map(in_words).collect(),
        })
    }
}

/// A setting as people know it.
fn in_words(turned: Turned) -> (String, String, String) {
    let rule = turned.key.strip_prefix("dialect.").and_then(Rule::by_name);
    let about = match rule {
        Some(rule) => rule.describe().to_owned(),
        None => "What answers the change of a group: 204 without it, or 200 with it".to_owned(),
    };
    (about, turned.from, turned.to)
}
