//! Whether a request carries a password, for endpoints that refuse them.

use serde_json::Value;

/// Whether a body of POST, PUT or PATCH names `password` as an attribute or as the path of an operation.
#[must_use]
pub fn is_named(body: &Value) -> bool {
    let is = |name: &str| {
        let last = name.rsplit(':').next().unwrap_or(name);
        last.trim().eq_ignore_ascii_case("password")
    };
    let names = |value: &Value| value.as_object().is_some_and(|map| map.keys().any(|key| is(key)));
    let operations = body.as_object().and_then(|map| {
        map.iter()
            .find(|(key, _)| key.eq_ignore_ascii_case("Operations"))
            .and_then(|(_, list)| list.as_array())
    });
    let in_operation = |operation: &Value| {
        let path = operation.get("path").and_then(Value::as_str);
        path.is_some_and(is) || operation.get("value").is_some_and(names)
    };
    names(body) || operations.is_some_and(|list| list.iter().any(in_operation))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::is_named;

    #[test]
    fn wherever_it_may_stand() {
        assert!(is_named(&json!({"userName": "a", "Password": "x"})));
        assert!(is_named(&json!({"Operations": [{"op": "replace", "path": "password", "value": "x"}]})));
        assert!(is_named(
            &json!({"operations": [{"op": "add", "value": {"urn:ietf:params:scim:schemas:core:2.0:User:password": "x"}}]})
        ));
        assert!(!is_named(&json!({"userName": "password"})));
    }
}
