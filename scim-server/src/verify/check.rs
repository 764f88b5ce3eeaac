//! The checks of scenarios: a plain value means equal; an object means all of its checks.

use serde_json::Value;

/// Compares what a path found with what the scenario expects; `Err` is what it should have been.
///
/// # Errors
/// The first check that does not hold, in words; also one that nobody knows.
pub fn check(expected: &Value, found: Option<&Value>) -> Result<(), String> {
    let Value::Object(checks) = expected else {
        return wanted(found == Some(expected), equal(expected));
    };
    for (kind, argument) in checks {
        let (holds, words) = one(kind, argument, found)?;
        wanted(holds, words)?;
    }
    Ok(())
}

/// Compares a header with its check. Headers know `starts_with` beside the checks of values.
///
/// # Errors
/// As [`check`].
pub fn check_header(expected: &Value, found: Option<&str>) -> Result<(), String> {
    if let Some(start) = start(expected) {
        return wanted(found.is_some_and(|text| text.starts_with(start)), begins(start));
    }
    check(expected, found.map(Value::from).as_ref())
}

/// What is expected, in words: all of the checks of a value or a header.
pub fn words(expected: &Value) -> String {
    if let Some(start) = start(expected) {
        return begins(start);
    }
    let Value::Object(checks) = expected else { return equal(expected) };
    let all = checks.iter().map(|(kind, argument)| match one(kind, argument, None) {
        Ok((_, words)) | Err(words) => words,
    });
    all.collect::<Vec<_>>().join(", and ")
}

fn start(expected: &Value) -> Option<&str> {
    expected.get("starts_with").and_then(Value::as_str)
}

fn begins(start: &str) -> String {
    format!("text that starts with {start:?}")
}

fn equal(expected: &Value) -> String {
    format!("equal to {expected}")
}

fn wanted(holds: bool, words: String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(words) }
}

/// Whether one check holds, and what it is in words.
fn one(kind: &str, argument: &Value, found: Option<&Value>) -> Result<(bool, String), String> {
    let present = found.filter(|value| !value.is_null());
    let list = present.and_then(Value::as_array);
    Ok(match kind {
        "nonempty" | "exists" | "absent" | "absent_or_empty" => return presence(kind, argument, found),
        "type" => (present.is_some_and(|value| has_type(value, argument)), format!("of type {argument}")),
        "type_if_present" => {
            (present.is_none_or(|value| has_type(value, argument)), format!("missing or of type {argument}"))
        }
        "equals_ci" => (
            present.is_some_and(|value| same_text(value, argument)),
            format!("equal to {argument} without regard to case"),
        ),
        "equals_if_present" => {
            (present.is_none_or(|value| value == argument), format!("missing or equal to {argument}"))
        }
        "differs" => (present.is_some_and(|value| value != argument), format!("other than {argument}")),
        "contains" => {
            (list.is_some_and(|list| list.contains(argument)), format!("a list that contains {argument}"))
        }
        // A missing list lacks everything; text in the place of a list is wrong all the same.
        "not_contains" => {
            let holds = match present {
                None => true,
                Some(Value::Array(list)) => !list.contains(argument),
                Some(_) => false,
            };
            (holds, format!("a list without {argument}"))
        }
        "contains_any" => {
            let any = argument.as_array().ok_or("a scenario that gives \"contains_any\" a list")?;
            (
                list.is_some_and(|list| any.iter().any(|value| list.contains(value))),
                format!("a list that contains one of {argument}"),
            )
        }
        "length" => {
            (list.map(|list| list.len() as u64) == argument.as_u64(), format!("a list of length {argument}"))
        }
        "min" => (
            matches!((present.and_then(Value::as_f64), argument.as_f64()), (Some(value), Some(least)) if value >= least),
            format!("a number of at least {argument}"),
        ),
        "regex" => {
            let pattern = argument.as_str().ok_or("a scenario that gives \"regex\" a text")?;
            let regex =
                regex_lite::Regex::new(pattern).map_err(|error| format!("a readable pattern: {error}"))?;
            (
                present.and_then(Value::as_str).is_some_and(|text| regex.is_match(text)),
                format!("text that matches {pattern:?}"),
            )
        }
        _ => return Err(format!("a known check, not {kind:?}")),
    })
}

fn presence(kind: &str, argument: &Value, found: Option<&Value>) -> Result<(bool, String), String> {
    if argument != &Value::Bool(true) {
        return Err(format!("a scenario that writes {kind:?}: true, not {argument}"));
    }
    Ok(match kind {
        "nonempty" => (!is_empty(found), "there, and not empty".to_owned()),
        "exists" => (found.is_some(), "there".to_owned()),
        "absent" => (found.is_none(), "absent".to_owned()),
        _ => (is_empty(found), "absent or empty".to_owned()),
    })
}

/// Missing, null, `[]`, `""` and `{}` mean the same in SCIM (RFC 7643 §2.5).
fn is_empty(found: Option<&Value>) -> bool {
    match found {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Array(list)) => list.is_empty(),
        Some(Value::Object(map)) => map.is_empty(),
        Some(_) => false,
    }
}

fn has_type(value: &Value, name: &Value) -> bool {
    let is = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    name == is
}

fn same_text(value: &Value, other: &Value) -> bool {
    match (value.as_str(), other.as_str()) {
        (Some(a), Some(b)) => scim_core::fold::fold(a) == scim_core::fold::fold(b),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::needless_pass_by_value, reason = "values are written at the call")]

    use super::{check, words};
    use serde_json::{Value, json};

    #[track_caller]
    fn holds(expected: &Value, found: Value) {
        assert_eq!(check(expected, Some(&found)), Ok(()), "{expected} on {found}");
    }

    #[track_caller]
    fn fails(expected: &Value, found: Value) {
        assert!(check(expected, Some(&found)).is_err(), "{expected} on {found}");
    }

    #[test]
    fn plain_values_mean_equal() {
        holds(&json!(0), json!(0));
        holds(&json!(["a"]), json!(["a"]));
        fails(&json!(0), json!("0"));
        fails(&json!(true), json!("true"));
        assert!(check(&json!(0), None).is_err());
    }

    #[test]
    fn presence() {
        for empty in [json!(null), json!(""), json!([])] {
            fails(&json!({"nonempty": true}), empty.clone());
            fails(&json!({"absent": true}), empty.clone());
            holds(&json!({"exists": true}), empty.clone());
            holds(&json!({"absent_or_empty": true}), empty);
        }
        holds(&json!({"nonempty": true}), json!(false));
        fails(&json!({"absent_or_empty": true}), json!("x"));
        assert_eq!(check(&json!({"absent": true}), None), Ok(()));
        assert_eq!(check(&json!({"absent_or_empty": true}), None), Ok(()));
        assert!(check(&json!({"exists": true}), None).is_err());
        assert!(check(&json!({"nonempty": true}), None).is_err());
    }

    #[test]
    fn types_and_text() {
        holds(&json!({"type": "number"}), json!(3));
        fails(&json!({"type": "number"}), json!("3"));
        assert!(check(&json!({"type": "string"}), None).is_err());
        assert_eq!(check(&json!({"type_if_present": "string"}), None), Ok(()));
        fails(&json!({"type_if_present": "string"}), json!(true));
        holds(&json!({"equals_ci": "Robertt"}), json!("ROBERTT"));
        fails(&json!({"equals_ci": "robertt"}), json!("robertty"));
        assert_eq!(check(&json!({"equals_if_present": 1}), None), Ok(()));
        fails(&json!({"equals_if_present": 1}), json!(2));
        holds(&json!({"regex": "^W/\""}), json!("W/\"3\""));
        fails(&json!({"regex": "^a$"}), json!("ab"));
    }

    #[test]
    fn lists_and_numbers() {
        holds(&json!({"contains": "a"}), json!(["a", "b"]));
        fails(&json!({"contains": "a"}), json!("abc"));
        fails(&json!({"not_contains": "a"}), json!(["a"]));
        assert_eq!(check(&json!({"not_contains": "a"}), None), Ok(()));
        holds(&json!({"contains_any": ["x", "b"]}), json!(["a", "b"]));
        fails(&json!({"contains_any": ["x"]}), json!(["a"]));
        holds(&json!({"length": 2}), json!([1, 2]));
        assert!(check(&json!({"length": 0}), None).is_err());
        holds(&json!({"min": 1}), json!(1));
        fails(&json!({"min": 2}), json!(1));
    }

    #[test]
    fn all_of_an_object_must_hold_and_unknown_checks_never_do() {
        holds(&json!({"type": "string", "nonempty": true}), json!("x"));
        fails(&json!({"type": "string", "nonempty": true}), json!(""));
        fails(&json!({"looks_nice": true}), json!("x"));
        fails(&json!({"nonempty": false}), json!(""));
    }

    #[test]
    fn what_is_expected_is_said_in_words() {
        assert_eq!(words(&json!(0)), "equal to 0");
        assert_eq!(
            words(&json!({"type": "string", "nonempty": true})),
            "of type \"string\", and there, and not empty"
        );
        assert_eq!(words(&json!({"starts_with": "Bearer"})), "text that starts with \"Bearer\"");
        assert_eq!(words(&json!({"looks_nice": true})), "a known check, not \"looks_nice\"");
    }
}
