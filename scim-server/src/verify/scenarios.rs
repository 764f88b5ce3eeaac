//! The scenarios of the presets, which are part of the program.

use std::collections::BTreeMap;

use endpoint_store::settings::Idp;
use scim_core::schema::Catalog;
use serde_json::Value;

use super::scenario::{Scenario, Step};
use super::schemas;

/// Steps that several scenarios name.
const COMMON: &str = include_str!("scenarios/common.json");
/// Stands for the steps that an endpoint's own schemas give.
const OWN_SCHEMAS: &str = "own_schemas";

/// The file of a preset.
const fn text(idp: Idp) -> &'static str {
    match idp {
        Idp::OneLogin => include_str!("scenarios/onelogin.json"),
        Idp::Okta => include_str!("scenarios/okta.json"),
        Idp::Entra => include_str!("scenarios/entra.json"),
        Idp::JumpCloud => include_str!("scenarios/jumpcloud.json"),
        Idp::Google => include_str!("scenarios/google.json"),
        Idp::Ping => include_str!("scenarios/ping.json"),
        Idp::SailPoint => include_str!("scenarios/sailpoint.json"),
        Idp::Rippling => include_str!("scenarios/rippling.json"),
        Idp::Authentik => include_str!("scenarios/authentik.json"),
        Idp::Generic => include_str!("scenarios/generic.json"),
    }
}

/// What an identity provider does with an endpoint that has these schemas, and how well that is sourced.
///
/// # Errors
/// What is wrong with the file; a test plays all of them.
pub fn of(idp: Idp, catalog: &Catalog) -> Result<(Scenario, String), String> {
    let mut file: Value = serde_json::from_str(text(idp)).map_err(|error| error.to_string())?;
    let common: BTreeMap<String, Step> = serde_json::from_str(COMMON).map_err(|error| error.to_string())?;
    let entries = file.get_mut("steps").map(Value::take).unwrap_or_default();
    let confidence = file.get("confidence").and_then(Value::as_str).unwrap_or_default().to_owned();
    if let Some(steps) = file.get_mut("steps") {
        *steps = Value::Array(Vec::new());
    }
    let mut scenario = Scenario::parse(&file.to_string())?;
    for entry in entries.as_array().into_iter().flatten() {
        match entry.as_str() {
            Some(OWN_SCHEMAS) => scenario.steps.extend(schemas::steps(catalog)),
            Some(name) => {
                let step = common.get(name).ok_or_else(|| format!("there is no common step {name:?}"))?;
                scenario.steps.push(step.clone());
            }
            None => {
                let step = serde_json::from_value(entry.clone()).map_err(|error| error.to_string())?;
                scenario.steps.push(step);
            }
        }
    }
    scenario.steps.iter().try_for_each(Step::check)?;
    schemas::complete(&mut scenario, catalog);
    Ok((scenario, confidence))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use std::collections::BTreeSet;

    use endpoint_store::settings::{Idp, Settings};
    use scim_core::schema::Catalog;

    use super::of;
    use crate::verify::facts::Facts;

    #[test]
    fn every_preset_has_a_scenario_of_its_own_and_every_step_says_what_it_is() {
        for idp in Idp::ALL {
            let (scenario, confidence) = of(idp, &Catalog::builtin()).unwrap();
            assert_eq!(scenario.idp, idp.as_str());
            assert!(!confidence.is_empty() && !scenario.title.is_empty(), "{idp:?}");
            let names: BTreeSet<&str> = scenario.steps.iter().map(|step| step.name.as_str()).collect();
            assert_eq!(names.len(), scenario.steps.len(), "{idp:?}: a step is there twice");
            for step in &scenario.steps {
                assert!(!step.title.is_empty(), "{idp:?}: {}", step.name);
            }
            for wanted in ["wrong_token", "create_user", "duplicate_user", "page_two", "unknown_id"] {
                assert!(names.contains(wanted), "{idp:?} has no {wanted}");
            }
        }
    }

    /// What an identity provider is known to send must be understood before anybody changes a setting.
    #[test]
    fn every_preset_grants_what_its_scenario_needs() {
        for idp in Idp::ALL {
            let facts = Facts::new(idp, &Settings::preset(idp));
            for step in of(idp, &Catalog::builtin()).unwrap().0.steps {
                for need in &step.needs {
                    assert!(facts.is_known(need), "{idp:?}: {} needs {need}, which nobody knows", step.name);
                    assert!(facts.holds(need), "{idp:?}: {} needs {need}", step.name);
                }
            }
        }
    }
}
