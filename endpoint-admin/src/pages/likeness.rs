//! Whose traffic it looks like: when another identity provider calls than the one an endpoint is set up for.

use endpoint_store::{
    observations::{Observation, Observed},
    settings::Idp,
};

use crate::ui::{Num, When};

/// Fewer calls than these may be somebody trying things out.
const ENOUGH: i64 = 3;

/// The provider that the calls look like, if it is another one than `own`, with the number of its calls.
pub(crate) fn stranger(own: Idp, seen: &[(Idp, i64)]) -> Option<(Idp, i64)> {
    let of_own = seen.iter().find(|(idp, _)| *idp == own).map_or(0, |(_, hits)| *hits);
    let others = seen.iter().filter(|(idp, _)| *idp != own).copied();
    others.max_by_key(|(_, hits)| *hits).filter(|(_, hits)| *hits >= ENOUGH && *hits > of_own)
}

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
}

impl Likeness {
    /// From what was noticed at an endpoint that is set up for `own`.
    pub(crate) fn of(own: Idp, noticed: &[Observation], now: i64) -> Option<Self> {
        let seen = noticed.iter().filter_map(|one| match one.what {
            Observed::LooksLike(idp) => Some((idp, one.hits)),
            _ => None,
        });
        let (idp, hits) = stranger(own, &seen.collect::<Vec<_>>())?;
        let one = noticed.iter().find(|one| one.what == Observed::LooksLike(idp))?;
        Some(Self {
            value: idp.as_str(),
            label: idp.label(),
            own: settings_for(own),
            calls: Num::of(hits).with("call", "calls"),
            last: When::new(one.last_at, now),
        })
    }
}

#[cfg(test)]
mod tests {
    use endpoint_store::settings::Idp::{Entra, Okta, OneLogin};

    use super::stranger;

    #[test]
    fn a_few_calls_are_no_stranger_and_neither_is_the_minority() {
        assert_eq!(stranger(OneLogin, &[]), None);
        assert_eq!(stranger(OneLogin, &[(Entra, 2)]), None);
        assert_eq!(stranger(OneLogin, &[(OneLogin, 900)]), None);
        assert_eq!(stranger(OneLogin, &[(OneLogin, 3), (Entra, 3)]), None);
        assert_eq!(stranger(OneLogin, &[(OneLogin, 2), (Okta, 1), (Entra, 3)]), Some((Entra, 3)));
    }
}
