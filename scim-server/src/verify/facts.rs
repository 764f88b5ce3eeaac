//! What is set about an endpoint, as scenarios name it, and what to say when something that is needed is not.

use std::collections::BTreeMap;

use endpoint_store::settings::{Idp, Settings};
use scim_core::dialect::Rule;

/// The settings in force.
#[derive(Debug, Clone)]
pub struct Facts {
    idp: Idp,
    settings: BTreeMap<String, String>,
}

impl Facts {
    /// Of these settings.
    pub fn new(idp: Idp, settings: &Settings) -> Self {
        let mut all: BTreeMap<String, String> = settings.entries().into_iter().collect();
        let dialect = settings.dialect(idp);
        for rule in Rule::ALL {
            let word = if dialect.has(*rule) { "on" } else { "off" };
            all.insert(format!("dialect.{}", rule.name()), word.to_owned());
        }
        Self { idp, settings: all }
    }

    /// Whether a setting, `name=value`, is so.
    pub fn holds(&self, need: &str) -> bool {
        need.split_once('=')
            .is_some_and(|(name, value)| self.settings.get(name).is_some_and(|is| is == value))
    }

    /// Whether there is a setting of this name.
    pub fn is_known(&self, need: &str) -> bool {
        need.split_once('=').is_some_and(|(name, _)| self.settings.contains_key(name))
    }

    /// What to do about needs that are not met, a sentence each.
    pub fn advice(&self, needs: &[String]) -> Vec<String> {
        needs.iter().filter(|need| !self.holds(need)).map(|need| self.sentence(need)).collect()
    }

    fn sentence(&self, need: &str) -> String {
        let (name, value) = need.split_once('=').unwrap_or((need, ""));
        let who = if self.idp == Idp::Generic { "A client of the standard" } else { self.idp.label() };
        if let Some(rule) = name.strip_prefix("dialect.").and_then(Rule::by_name) {
            return format!(
                "{who} needs the tolerance “{}”, which is switched off here. {} Switch it on under Settings.",
                rule.name(),
                rule.describe()
            );
        }
        let is = self.settings.get(name).map_or("", String::as_str);
        format!(
            "{who} needs the setting {name} to be “{value}”; here it is “{is}”. Change it under Settings."
        )
    }
}
