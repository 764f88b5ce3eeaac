//! The dialect switches: what an identity provider may do differently, in groups, each with an example and with how
//! often it was needed.

use endpoint_store::{
    Endpoint,
    observations::{Observation, Observed},
};
use scim_core::dialect::{Dialect, Rule};

use super::Choice;
use crate::ui::{Num, When};

/// How often something was noticed.
pub(crate) struct Noticed {
    /// How often.
    pub(crate) times: String,
    /// When last.
    pub(crate) last: When,
    /// By which request.
    pub(crate) request: String,
    /// Its id, where it is known.
    pub(crate) request_id: Option<String>,
}

impl Noticed {
    /// As the pages say it.
    pub(crate) fn new(one: &Observation, now: i64) -> Self {
        Self {
            times: match one.hits {
                1 => "once".to_owned(),
                hits => Num::of(hits).with("time", "times"),
            },
            last: When::new(one.last_at, now),
            request: one.last_request.clone(),
            request_id: Some(one.example.request_id.clone()).filter(|id| !id.is_empty()),
        }
    }
}

/// One switch.
pub(crate) struct Tolerance {
    /// The rule's name.
    pub(crate) name: &'static str,
    /// What is tolerated, in a sentence.
    pub(crate) sentence: &'static str,
    /// What such a request has in it.
    pub(crate) example: &'static str,
    /// On, off, or as for the identity provider.
    pub(crate) choices: Vec<Choice>,
    /// Whether it is in force.
    pub(crate) on: bool,
    /// Whether it was switched against the preset.
    pub(crate) own: bool,
    /// How often it was needed.
    pub(crate) noticed: Option<Noticed>,
}

/// Switches about one thing.
pub(crate) struct Group {
    /// What they are about.
    pub(crate) title: &'static str,
    /// The switches.
    pub(crate) tolerances: Vec<Tolerance>,
}

impl Group {
    /// `6 of 7 on, 2 were needed, 1 switched by hand`.
    pub(crate) fn words(&self) -> String {
        let count = |want: fn(&Tolerance) -> bool| self.tolerances.iter().filter(|one| want(one)).count();
        let mut words = format!("{} of {} on", count(|one| one.on), self.tolerances.len());
        for (number, what) in
            [(count(|one| one.noticed.is_some()), "needed"), (count(|one| one.own), "switched by hand")]
        {
            if number > 0 {
                words.push_str(&format!(", {number} {what}"));
            }
        }
        words
    }

    /// Whether it is shown unfolded: somebody switched something in it.
    pub(crate) fn open(&self) -> bool {
        self.tolerances.iter().any(|one| one.own)
    }
}

/// Every switch of an endpoint, in groups.
pub(crate) fn groups(endpoint: &Endpoint, noticed: &[Observation], now: i64) -> Vec<Group> {
    let mut groups: Vec<Group> =
        ["How a PATCH is written", "How values are written", "How filters are written"]
            .map(|title| Group { title, tolerances: Vec::new() })
            .into();
    let preset = Dialect::for_idp_name(endpoint.idp.as_str());
    let mine = endpoint.settings.dialect(endpoint.idp);
    for rule in Rule::ALL.iter().copied() {
        let (place, example) = about(rule);
        let own = endpoint.settings.dialect.get(rule.name()).copied();
        let seen = noticed.iter().find(|one| one.what == Observed::Rule(rule));
        let tolerance = Tolerance {
            name: rule.name(),
            sentence: rule.describe(),
            example,
            choices: choices(preset.has(rule), own),
            on: mine.has(rule),
            own: own.is_some(),
            noticed: seen.map(|one| Noticed::new(one, now)),
        };
        if let Some(group) = groups.get_mut(place) {
            group.tolerances.push(tolerance);
        }
    }
    groups
}

fn choices(preset: bool, own: Option<bool>) -> Vec<Choice> {
    let chosen = match own {
        None => "preset",
        Some(true) => "on",
        Some(false) => "off",
    };
    let word = if preset { "on" } else { "off" };
    vec![
        Choice::new("preset", format!("Preset: {word}"), "", chosen),
        Choice::new("on", "On", "", chosen),
        Choice::new("off", "Off", "", chosen),
    ]
}

/// The group of a rule, and what a request that needs it has in it.
fn about(rule: Rule) -> (usize, &'static str) {
    match rule {
        Rule::OpAnyCase => (0, r#"{"op": "Replace", "path": "active", "value": false}"#),
        Rule::DottedKeys => (0, r#"{"op": "replace", "value": {"name.givenName": "Robert"}}"#),
        Rule::CreateFilteredTarget => {
            (0, r#"{"op": "replace", "path": "emails[type eq \"work\"].value", "value": "r@example.com"}"#)
        }
        Rule::RemoveByValueList => {
            (0, r#"{"op": "remove", "path": "members", "value": [{"value": "2819c223-…"}]}"#)
        }
        Rule::OneOneGroupPatch => (0, r#"{"members": [{"value": "2819c223-…", "operation": "delete"}]}"#),
        Rule::DropReadOnlyInPatch => {
            (0, r#"{"op": "replace", "value": {"id": "2819c223-…", "title": "Engineer"}}"#)
        }
        Rule::DropUnknownPatchPath => (0, r#"{"op": "replace", "path": "shoeSize", "value": "46"}"#),
        Rule::BooleanText => (1, r#""active": "False""#),
        Rule::SingleAsList => (1, r#""title": ["Engineer"]"#),
        Rule::PrivateUrns => (1, r#""schemas": ["urn:scim:schemas:core:2.0"]"#),
        Rule::MissingSchemas => (1, r#"{"userName": "robertt"}"#),
        Rule::ObjectForList => (1, r#""emails": {"value": "r@example.com"}"#),
        Rule::NullIsUnset => (1, r#""title": """#),
        Rule::ManagerForms => (1, r#""manager": "26118915-…""#),
        Rule::OnePrimary => (
            1,
            r#""emails": [{"value": "a@example.com", "primary": true}, {"value": "b@example.com", "primary": true}]"#,
        ),
        Rule::BareWordFilter => (2, "GET /Users?filter=userName eq robertt"),
        Rule::FilteredSubAttribute => {
            (2, r#"GET /Users?filter=emails[type eq "work"].value eq "r@example.com""#)
        }
    }
}
