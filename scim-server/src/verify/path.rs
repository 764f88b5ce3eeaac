//! The path language of scenarios: `$.a.b`, `$.a[0].b`, `$.a[*].b` (all hits as a list), `$['urn:…'].b`.

use serde_json::Value;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
    Each,
}

/// A parsed path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path(Vec<Step>);

impl Path {
    /// Reads a path; what is not in the language is an error of the scenario, not a miss.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut rest =
            text.strip_prefix('$').ok_or_else(|| format!("path {text:?} does not begin with $"))?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let (step, after) =
                Self::step(rest).ok_or_else(|| format!("path {text:?} is unreadable at {rest:?}"))?;
            steps.push(step);
            rest = after;
        }
        Ok(Self(steps))
    }

    fn step(rest: &str) -> Option<(Step, &str)> {
        if let Some(after) = rest.strip_prefix("['") {
            let (key, after) = after.split_once("']")?;
            return Some((Step::Key(key.to_owned()), after));
        }
        if let Some(after) = rest.strip_prefix('[') {
            let (inside, after) = after.split_once(']')?;
            let step = if inside == "*" { Step::Each } else { Step::Index(inside.parse().ok()?) };
            return Some((step, after));
        }
        let after = rest.strip_prefix('.')?;
        let end = after.find(['.', '[']).unwrap_or(after.len());
        let (key, after) = after.split_at(end);
        (!key.is_empty()).then(|| (Step::Key(key.to_owned()), after))
    }

    /// What the path finds in a document. With `[*]` that is always a list, maybe an empty one; else one value or nothing.
    pub fn find(&self, document: &Value) -> Option<Value> {
        let mut hits = vec![document];
        let mut many = false;
        for step in &self.0 {
            hits = match step {
                Step::Key(key) => hits.into_iter().filter_map(|value| value.get(key)).collect(),
                Step::Index(index) => hits.into_iter().filter_map(|value| value.get(index)).collect(),
                Step::Each => {
                    many = true;
                    hits.into_iter().filter_map(Value::as_array).flatten().collect()
                }
            };
        }
        if many {
            Some(hits.into_iter().cloned().collect())
        } else {
            hits.first().map(|value| (*value).clone())
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::Path;

    #[test]
    fn finds_what_the_format_describes() {
        let document = serde_json::json!({
            "a": {"b": 1},
            "list": [{"v": "x"}, {"v": "y"}, {}],
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "Ops"},
            "name.givenName": "literal",
        });
        let find = |path: &str| Path::parse(path).unwrap().find(&document);
        assert_eq!(find("$"), Some(document.clone()));
        assert_eq!(find("$.a.b"), Some(1.into()));
        assert_eq!(find("$.list[1].v"), Some("y".into()));
        assert_eq!(find("$.list[*].v"), Some(serde_json::json!(["x", "y"])));
        assert_eq!(find("$.nothing[*].v"), Some(serde_json::json!([])));
        assert_eq!(find("$.list[9].v"), None);
        assert_eq!(find("$.a.c"), None);
        assert_eq!(
            find("$['urn:ietf:params:scim:schemas:extension:enterprise:2.0:User'].department"),
            Some("Ops".into())
        );
        assert_eq!(find("$['name.givenName']"), Some("literal".into()));
    }

    #[test]
    fn refuses_what_it_cannot_read() {
        for bad in ["a.b", "$a", "$.", "$..b", "$.a[x]", "$.a[1", "$['a"] {
            assert!(Path::parse(bad).is_err(), "{bad}");
        }
    }
}
