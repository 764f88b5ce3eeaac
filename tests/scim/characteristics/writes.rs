//! POST, PUT and PATCH of one place: type, multiValued, required, canonicalValues, mutability, returned, uniqueness,
//! referenceTypes.

use serde_json::{Value, json};

use super::Walk;
use super::place::wrong;

const OFTEN: [&str; 2] = ["default", "always"];
const WRITTEN: [&str; 3] = ["default", "always", "request"];

impl Walk {
    /// `returned`: in the answer to a write, in a plain GET, asked for by name, with another name, left out by name.
    pub(super) async fn shown(&mut self) {
        let low = self.low();
        let body = if self.is_naming() { self.minimal(0) } else { self.with(0, &low) };
        let low = if self.is_naming() { json!(self.name(0)) } else { low };
        let Some(made) = self.make(&body).await else { return };
        let (url, path) = (self.url(&made), self.place.path());
        let kept = (!self.place.is_part()).then_some("request");
        let asked: Vec<&str> = OFTEN.into_iter().chain(["request"]).collect();
        let mut cases = vec![
            ("the answer to POST", made, self.place.is_shown(&WRITTEN, &WRITTEN)),
            ("GET", self.read(&url).await, self.place.is_shown(&OFTEN, &OFTEN)),
            (
                "GET with its name",
                self.read(&format!("{url}?attributes={path}")).await,
                self.place.is_shown(&asked, &asked),
            ),
            (
                "GET with its name in capitals",
                self.read(&format!("{url}?attributes={}", path.to_uppercase())).await,
                self.place.is_shown(&asked, &asked),
            ),
            (
                "GET without it",
                self.read(&format!("{url}?excludedAttributes={path}")).await,
                self.place.is_shown(if kept.is_some() { &["always"] } else { &OFTEN }, &["always"]),
            ),
        ];
        if !self.is_naming() {
            let other = self.read(&format!("{url}?attributes={}", self.naming())).await;
            // An attribute that is always shown comes with its usual parts.
            cases.push(("GET with another name", other, self.place.is_shown(&["always"], &OFTEN)));
        }
        for (what, resource, expected) in cases {
            let found = self.place.holds(&resource, &low);
            self.faults.check(found == expected, || format!("{what} shows it: {found}: {resource}"));
            self.faults.check(resource["id"].is_string(), || format!("{what} has no id"));
        }
    }

    async fn read(&self, url: &str) -> Value {
        self.scim.get(url).await.expect(200).json()
    }

    /// `mutability`, by PATCH.
    pub(super) async fn patched(&mut self) {
        if self.is_naming() || self.place.has_fixed_parts() {
            return;
        }
        let (low, high) = (&self.low(), &self.high());
        let Some(made) = self.make(&self.with(1, low)).await else { return };
        let url = &self.url(&made);
        self.expect(url, Some(low), "POST").await;
        let path = self.place.path();
        let change = |op: &str, value: &Value| json!([{"op": op, "path": path, "value": value}]);
        let replace = self.scim.patch(url, change("replace", high)).await;
        let remove = json!([{"op": "remove", "path": path}]);
        match self.place.mutability() {
            "readOnly" => {
                self.faults.refused(&replace, 400, &["mutability"], "PATCH replace");
                self.faults.refused(
                    &self.scim.patch(url, remove).await,
                    400,
                    &["mutability"],
                    "PATCH remove",
                );
                self.expect(url, None, "refused PATCHes").await;
            }
            "writeOnly" => {
                self.faults.status(&replace, 200, "PATCH replace");
                self.faults.status(&self.scim.patch(url, remove).await, 200, "PATCH remove");
            }
            // The parts of a secret or of a complex value are compared with what is kept as a whole.
            "immutable" => {
                self.faults.refused(&replace, 400, &["mutability"], "PATCH replace");
                let same = self.scim.patch(url, change("replace", low)).await;
                self.faults.status(&same, 200, "PATCH replace with the same");
                self.faults.refused(
                    &self.scim.patch(url, remove).await,
                    400,
                    &["mutability"],
                    "PATCH remove",
                );
                self.expect(url, Some(low), "refused PATCHes").await;
                self.added_later(low).await;
            }
            _ => {
                self.faults.status(&replace, 200, "PATCH replace");
                if replace.status == 200 && self.place.is_shown(&WRITTEN, &WRITTEN) {
                    let shown = self.place.holds(&replace.json(), high);
                    self.faults.check(shown, || format!("the answer to PATCH does not show it: {replace:#}"));
                }
                self.expect(url, Some(high), "PATCH replace").await;
                let answer = self.scim.patch(url, remove).await;
                if self.place.is("required") {
                    self.faults.refused(&answer, 400, &["mutability", "invalidValue"], "PATCH remove");
                    self.expect(url, Some(high), "refused PATCH").await;
                } else {
                    self.faults.status(&answer, 200, "PATCH remove");
                    self.expect(url, None, "PATCH remove").await;
                    self.faults.status(&self.scim.patch(url, change("add", low)).await, 200, "PATCH add");
                    if !self.place.in_list() {
                        self.expect(url, Some(low), "PATCH add").await;
                    }
                }
            }
        }
    }

    /// What is immutable can be set once where it has no value.
    async fn added_later(&mut self, low: &Value) {
        let Some(bare) = self.make(&self.minimal(2)).await else { return };
        let url = self.url(&bare);
        let whole = self.place.as_attribute(low);
        let add = json!([{"op": "add", "path": self.place.top_path(), "value": whole}]);
        self.faults.status(&self.scim.patch(&url, add).await, 200, "PATCH add of what was unset");
        self.expect(&url, Some(low), "PATCH add").await;
    }

    /// `mutability`, by PUT.
    pub(super) async fn replaced(&mut self) {
        if self.is_naming() || self.place.has_fixed_parts() {
            return;
        }
        let (low, high) = (&self.low(), &self.high());
        let Some(made) = self.make(&self.with(3, high)).await else { return };
        let url = self.url(&made);
        let other = self.scim.put(&url, &self.with(3, low)).await;
        let whole = self.place.top()["mutability"] == "immutable";
        // The elements of a list come and go as a whole.
        let fixed = self.place.mutability() == "immutable" && (whole || !self.place.in_list());
        if fixed {
            self.faults.refused(&other, 400, &["mutability"], "PUT of another value");
            self.faults.status(&self.scim.put(&url, &self.with(3, high)).await, 200, "PUT of the same value");
            self.expect(&url, Some(high), "PUT").await;
        } else {
            self.faults.status(&other, 200, "PUT");
            self.expect(&url, Some(low), "PUT").await;
        }
        let required = self.place.is("required") && !self.place.is_part();
        if !required {
            self.faults.status(&self.scim.put(&url, &self.minimal(3)).await, 200, "PUT without it");
            let is_state = self.place.path() == "active";
            // Left out, an immutable attribute stays, and so does the state; everything else is cleared.
            let stays = whole.then_some(high);
            self.expect(&url, if is_state { Some(low) } else { stays }, "PUT without it").await;
        }
    }

    /// `type`, `multiValued`, `canonicalValues`, `referenceTypes`.
    pub(super) async fn typed(&mut self) {
        if !self.place.is_kept() || self.is_naming() {
            return;
        }
        let list = self.place.is_list();
        let one = |value: &Value| if list { json!([value]) } else { value.clone() };
        let post = format!("/{}", self.place.endpoint);
        for value in wrong(self.place.kind()) {
            let answer = self.scim.post(&post, &self.with(4, &one(&value))).await;
            self.faults.refused(&answer, 400, &["invalidValue"], &format!("POST with {value}"));
        }
        let mut right: Vec<Value> = Vec::new();
        if self.place.kind() == "reference" {
            right.extend(["https://example.com/x", "../Users/1", "urn:example:x"].map(|text| json!(text)));
        }
        // Canonical values are those that are usual: others are taken too (RFC 7643 §7).
        if let Some(usual) = self.place.leaf()["canonicalValues"].as_array() {
            right.extend(usual.iter().cloned().chain([json!("something else")]));
        }
        for (number, value) in right.iter().enumerate() {
            let Some(made) = self.make(&self.with(50 + number, &one(value))).await else { continue };
            self.expect(&self.url(&made), Some(&one(value)), "POST").await;
        }
        let (low, high) = (self.low(), self.high());
        if list {
            let both = json!([low[0], high[0]]);
            let Some(made) = self.make(&self.with(5, &both)).await else { return };
            self.expect(&self.url(&made), Some(&both), "POST of two").await;
        } else {
            let answer = self.scim.post(&post, &self.with(5, &json!([low, high]))).await;
            self.faults.refused(&answer, 400, &["invalidValue"], "POST of a list of two");
        }
    }

    /// `uniqueness` and `required`.
    pub(super) async fn unique_and_required(&mut self) {
        let post = format!("/{}", self.place.endpoint);
        if self.place.is("required") && self.place.is_kept() {
            let mut body = self.minimal(6);
            if self.place.is_part() {
                body = self.with(6, &Value::Null);
                // Another part, so that there is a value that lacks this one.
                let parts = self.place.top()["subAttributes"].as_array().unwrap().clone();
                let other = parts.iter().find(|part| part["type"] == "string" && part["required"] == false);
                let other = other.map(|part| json!({part["name"].as_str().unwrap(): "x"})).unwrap();
                body[self.place.name()] = if self.place.in_list() { json!([other]) } else { other };
            } else {
                body.as_object_mut().unwrap().remove(self.place.name());
            }
            let answer = self.scim.post(&post, &body).await;
            self.faults.refused(&answer, 400, &["invalidValue"], "POST without what is required");
        }
        if self.place.kind() != "string"
            || self.place.is_list()
            || !self.place.is_kept()
            || self.place.is_part()
        {
            return;
        }
        let value = json!(format!("{}Same", self.tag));
        let other_case = json!(format!("{}sAME", self.tag));
        let Some(first) = self.make(&self.with(7, &value)).await else { return };
        let unique = self.place.leaf()["uniqueness"] == "server";
        let folds = !self.place.is("caseExact");
        for (number, value, clash) in [(8, &value, unique), (9, &other_case, unique && folds)] {
            let answer = self.scim.post(&post, &self.with(number, value)).await;
            match clash {
                true => {
                    self.faults.refused(&answer, 409, &["uniqueness"], &format!("POST with {value} again"));
                }
                false => self.faults.status(&answer, 201, &format!("POST with {value} again")),
            }
            if answer.status == 201 {
                self.made.push(self.url(&answer.json()));
            }
        }
        if unique {
            let Some(second) = self.make(&self.with(10, &json!(format!("{}Other", self.tag)))).await else {
                return;
            };
            let url = self.url(&second);
            let patch = json!([{"op": "replace", "path": self.place.path(), "value": value}]);
            self.faults.refused(
                &self.scim.patch(&url, patch).await,
                409,
                &["uniqueness"],
                "PATCH to a value in use",
            );
            self.faults.refused(
                &self.scim.put(&url, &self.with(10, &value)).await,
                409,
                &["uniqueness"],
                "PUT to it",
            );
            let third_case = json!(format!("{}SaMe", self.tag));
            let itself = self.scim.put(&self.url(&first), &self.with(7, &third_case)).await;
            self.faults.status(&itself, 200, "PUT of its own value in another case");
        }
    }
}
