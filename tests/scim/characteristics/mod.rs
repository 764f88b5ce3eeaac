//! Each attribute obeys each characteristic it is served with (RFC 7643 §2.2, §7): the attributes are those of `/Schemas`,
//! so that none can be left out, and of a type made for this that has every combination.

mod definitions;
mod place;
mod queries;
mod writes;

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::support::both;
use crate::support::http::Answer;
use crate::support::scim::{Scim, id};
use place::Place;

/// Places looked at at the same time.
const AT_ONCE: usize = 24;
/// References that are kept as rows: they name resources that must exist, so they have tests of their own.
const ROWS: [&str; 5] = ["members", "members.value", "members.$ref", "members.type", "members.display"];

/// What was not obeyed.
#[derive(Default)]
struct Faults(Vec<String>);

impl Faults {
    fn check(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.0.push(what());
        }
    }

    fn status(&mut self, answer: &Answer, status: u16, what: &str) {
        self.check(answer.status == status, || format!("{what}: wanted {status}: {answer:#}"));
    }

    fn refused(&mut self, answer: &Answer, status: u16, kinds: &[&str], what: &str) {
        let fits = answer.status == status && kinds.iter().any(|kind| answer.json()["scimType"] == *kind);
        self.check(fits, || format!("{what}: wanted {status} {kinds:?}: {answer:#}"));
    }
}

/// One place at work: its client, and the faults it shows.
struct Walk {
    scim: Scim,
    place: Place,
    /// The attributes that every resource of the type needs.
    needed: Arc<Vec<Place>>,
    /// Begins every text of this place, and is the `externalId` of every resource of the walk.
    tag: String,
    /// What is to be deleted when a part of the walk is done.
    made: Vec<String>,
    faults: Faults,
}

impl Walk {
    /// The name of one of its resources: unique, and sorted like the number.
    fn name(&self, number: usize) -> String {
        format!("{}n{number}", self.tag)
    }

    /// The attribute that names resources of the type.
    fn naming(&self) -> &str {
        self.needed.iter().find(|place| place.leaf()["uniqueness"] == "server").unwrap().name()
    }

    fn is_naming(&self) -> bool {
        self.place.name() == self.naming() && !self.place.is_part()
    }

    /// A body with what the type needs, named by the number.
    fn minimal(&self, number: usize) -> Value {
        let mut body = json!({});
        for needed in self.needed.iter() {
            needed.put(&mut body, &needed.sample(false, &self.tag));
        }
        body[self.naming()] = json!(self.name(number));
        body["externalId"] = json!(self.tag);
        body
    }

    /// The same with a value at the place.
    fn with(&self, number: usize, value: &Value) -> Value {
        let mut body = self.minimal(number);
        self.place.put(&mut body, value);
        body
    }

    fn low(&self) -> Value {
        self.place.sample(false, &self.tag)
    }

    fn high(&self) -> Value {
        self.place.sample(true, &self.tag)
    }

    async fn make(&mut self, body: &Value) -> Option<Value> {
        let answer = self.scim.post(&format!("/{}", self.place.endpoint), body).await;
        self.faults.status(&answer, 201, &format!("POST {body}"));
        if answer.status != 201 {
            return None;
        }
        self.made.push(self.url(&answer.json()));
        Some(answer.json())
    }

    /// Deletes what was made, so that values that must be unique are free again.
    async fn clear(&mut self) {
        if self.place.leaf()["uniqueness"] != "server" {
            return;
        }
        for url in std::mem::take(&mut self.made) {
            let answer = self.scim.delete(&url).await;
            self.faults.status(&answer, 204, "DELETE");
        }
    }

    fn url(&self, resource: &Value) -> String {
        format!("/{}/{}", self.place.endpoint, id(resource))
    }

    /// What stands at the place, asked for by name.
    async fn kept(&self, url: &str) -> Option<Value> {
        let shown =
            self.scim.get(&format!("{url}?attributes={}", self.place.path())).await.expect(200).json();
        self.place.get(&shown)
    }

    /// That the place of a resource holds this, as far as it may be seen.
    async fn expect(&mut self, url: &str, value: Option<&Value>, after: &str) {
        let kept = self.kept(url).await;
        let visible = value.filter(|_| self.place.is_kept() && !self.place.is_secret());
        let holds = match (visible, &kept) {
            (Some(value), Some(kept)) => self.place.is_complex() || kept == value,
            (None, None) => true,
            _ => false,
        };
        self.faults.check(holds, || format!("after {after}: {kept:?} instead of {visible:?}"));
    }

    async fn everything(mut self) -> Vec<String> {
        self.shown().await;
        self.clear().await;
        self.patched().await;
        self.clear().await;
        self.replaced().await;
        self.clear().await;
        self.typed().await;
        self.unique_and_required().await;
        self.clear().await;
        if self.make_three().await.is_some() {
            self.searched().await;
            self.sorted().await;
        }
        self.clear().await;
        let of = format!("{} {}", self.place.endpoint, self.place.path());
        let definition = self.place.leaf()["description"].clone();
        self.faults.0.into_iter().map(|fault| format!("{of} ({definition}): {fault}")).collect()
    }
}

/// The places of all types, as discovery serves them.
async fn places(scim: &Scim) -> Vec<Place> {
    let mut places = Vec::new();
    let types = scim.get("/ResourceTypes").await.expect(200).json();
    for kind in types["Resources"].as_array().unwrap() {
        let endpoint = kind["endpoint"].as_str().unwrap().trim_start_matches('/');
        let core =
            scim.get(&format!("/Schemas/{}", kind["schema"].as_str().unwrap())).await.expect(200).json();
        places.extend(Place::all(endpoint, None, &core));
        for extension in kind["schemaExtensions"].as_array().into_iter().flatten() {
            let urn = extension["schema"].as_str().unwrap();
            let schema = scim.get(&format!("/Schemas/{urn}")).await.expect(200).json();
            places.extend(Place::all(endpoint, Some(urn), &schema));
        }
    }
    places
}

both! {
    async fn every_attribute_obeys_every_characteristic(app: &App) {
        let file = app.database().folder.path().join("definitions.json");
        std::fs::write(&file, definitions::definitions().to_string()).unwrap();
        let slug = &app.furniture().generic.slug;
        app.program(&["endpoint", "schema", slug, &file.display().to_string()]).await.done();
        app.program(&["endpoint", "set", slug, "rate=unlimited"]).await.done();
        let scim = app.generic();
        app.until(&scim.request("GET", "/ResourceTypes/Kit"), 200).await;

        let places = places(&scim).await;
        let rows: BTreeSet<String> = places.iter().filter(|p| p.endpoint == "Groups").map(Place::path).collect();
        assert!(ROWS.iter().all(|path| rows.contains(*path)), "{rows:?}");
        let needed = |endpoint: &str| -> Arc<Vec<Place>> {
            let of_type = places.iter().filter(|p| p.endpoint == endpoint && !p.is_part() && p.is("required"));
            Arc::new(of_type.cloned().collect())
        };
        let mut walks: Vec<Walk> = Vec::new();
        for (number, place) in places.iter().enumerate() {
            if place.endpoint == "Groups" && ROWS.contains(&place.path().as_str()) {
                continue;
            }
            walks.push(Walk {
                scim: scim.clone(),
                place: place.clone(),
                needed: needed(&place.endpoint),
                tag: format!("w{number:04}"),
                made: Vec::new(),
                faults: Faults::default(),
            });
        }
        assert!(walks.len() > 300, "{} places", walks.len());
        let mut faults = Vec::new();
        let mut running = tokio::task::JoinSet::new();
        for walk in walks {
            if running.len() == AT_ONCE {
                faults.extend(running.join_next().await.unwrap().unwrap());
            }
            running.spawn(walk.everything());
        }
        while let Some(done) = running.join_next().await {
            faults.extend(done.unwrap());
        }
        faults.sort();
        assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    }
}
