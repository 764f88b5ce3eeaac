//! Members are rows: they come and go one by one, in every form that is in use, and nobody is lost.

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::set;
use crate::support::both;
use crate::support::scim::{GROUP, PATCH_OP, Scim, id, text};

/// Three users, sorted by id, and an empty group.
struct Scene {
    scim: Scim,
    a: String,
    b: String,
    c: String,
    group: String,
}

impl Scene {
    async fn new(scim: Scim) -> Self {
        let mut ids = Vec::new();
        for name in ["anna", "bert", "cleo"] {
            ids.push(id(&scim.user(name).await));
        }
        ids.sort();
        let group = id(&scim.group("Admins", &[]).await);
        let [a, b, c] = ids.try_into().expect("three");
        Self { scim, a, b, c, group }
    }

    /// Puts exactly these into the group.
    async fn with(&self, members: &[&String]) {
        let members: Vec<_> = members.iter().map(|id| json!({"value": id})).collect();
        let body = json!({"schemas": [GROUP], "displayName": "Admins", "members": members});
        self.scim.put(&self.path(), &body).await.expect(200);
    }

    fn path(&self) -> String {
        format!("/Groups/{}", self.group)
    }

    /// Sends a body as PATCH; these must be in afterwards.
    async fn patch(&self, body: Value, expected: &[&String]) {
        let answer = self.scim.send(&self.scim.request("PATCH", &self.path()).json(&body)).await.expect(200);
        let found = self.scim.members(&self.group).await;
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{body}");
        let mut shown: Vec<_> = answer.json()["members"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|one| text(&one["value"]))
            .collect();
        shown.sort();
        assert_eq!(shown, found, "the answer shows them: {body}");
    }
}

fn one(operation: Value) -> Value {
    let mut body = json!({"schemas": [PATCH_OP]});
    body["Operations"] = Value::Array(vec![operation]);
    body
}

both! {
    async fn adding_in_every_form(app: &App) {
        let scene = Scene::new(app.generic()).await;
        let Scene { a, b, c, .. } = &scene;
        let base = format!("http://{}{}", scene.scim.address, scene.scim.base);
        for body in [
            one(json!({"op": "add", "path": "members", "value": [{"value": b}]})),
            one(json!({"op": "add", "path": "members", "value": {"value": b}})),
            one(json!({"op": "add", "path": "members", "value": [b]})),
            one(
                json!({"op": "add", "path": "members", "value": [{"value": b, "display": "Bert", "type": "User", "more": 1}]}),
            ),
            one(json!({"op": "add", "path": "members", "value": [{"$ref": format!("{base}/Users/{b}")}]})),
            one(json!({"op": "add", "path": "members", "value": [{"value": b}, {"value": b}, {"value": a}]})),
            one(json!({"op": "Add", "path": "MEMBERS", "value": [{"VALUE": b}]})),
            one(json!({"op": "add", "path": format!("{GROUP}:members"), "value": [{"value": b}]})),
            one(json!({"op": "add", "value": {"members": [{"value": b}]}})),
            json!({"Operations": [
                {"op": "add", "path": "members", "value": [{"value": b}]},
                {"op": "add", "path": "members", "value": [{"value": c}]},
                {"op": "remove", "path": format!("members[value eq \"{c}\"]")},
            ]}),
            json!({"schemas": ["urn:scim:schemas:core:1.0"], "members": [{"value": b}]}),
        ] {
            scene.with(&[a]).await;
            scene.patch(body.clone(), &[a, b]).await;
            scene.patch(body, &[a, b]).await;
        }
        scene.patch(one(json!({"op": "add", "path": "members", "value": []})), &[a, b]).await;
    }

    async fn removing_in_every_form(app: &App) {
        let scene = Scene::new(app.generic()).await;
        let Scene { a, b, c, .. } = &scene;
        for body in [
            one(json!({"op": "remove", "path": format!("members[value eq \"{b}\"]")})),
            one(json!({"op": "Remove", "path": format!("members[value EQ \"{b}\"]")})),
            one(json!({"op": "remove", "path": format!("{GROUP}:members[value eq \"{b}\"]")})),
            one(json!({"op": "remove", "path": "members", "value": [{"value": b}]})),
            one(json!({"op": "remove", "path": "members", "value": [b, "unheard-of"]})),
            one(json!({"op": "remove", "path": "members", "value": {"value": b}})),
            one(json!({"op": "remove", "path": format!("members[value eq \"{b}\" and type eq \"User\"]")})),
            one(
                json!({"op": "remove", "path": format!("members[not (value eq \"{a}\" or value eq \"{c}\")]")}),
            ),
            json!({"schemas": ["urn:scim:schemas:core:1.0"], "members": [{"value": b, "operation": "delete"}]}),
        ] {
            scene.with(&[a, b, c]).await;
            scene.patch(body.clone(), &[a, c]).await;
            // Who is out already is no fault.
            scene.patch(body, &[a, c]).await;
        }
        scene.with(&[a, b, c]).await;
        let two = format!("members[value eq \"{a}\" or value eq \"{b}\"]");
        scene.patch(one(json!({"op": "remove", "path": two})), &[c]).await;
        scene.with(&[a, b, c]).await;
        scene.patch(one(json!({"op": "remove", "path": "members", "value": []})), &[a, b, c]).await;
        scene.patch(one(json!({"op": "remove", "path": "members[type eq \"Group\"]"})), &[a, b, c]).await;
        scene.patch(one(json!({"op": "remove", "path": "members[type eq \"User\"]"})), &[]).await;
        scene.with(&[a, b, c]).await;
        scene.patch(one(json!({"op": "remove", "path": "members"})), &[]).await;
    }

    async fn replacing_in_every_form(app: &App) {
        let scene = Scene::new(app.generic()).await;
        let Scene { a, b, c, .. } = &scene;
        for body in [
            one(json!({"op": "replace", "path": "members", "value": [{"value": b}, {"value": c}]})),
            one(json!({"op": "replace", "value": {"members": [{"value": b}, {"value": c}]}})),
            one(
                json!({"op": "replace", "value": {"displayName": "Admins", "members": [{"value": c}, {"value": b}]}}),
            ),
            json!({"members": [{"value": a, "operation": "delete"}, {"value": c}]}),
        ] {
            scene.with(&[a, b]).await;
            scene.patch(body, &[b, c]).await;
        }
        for nobody in [json!([]), Value::Null] {
            scene.with(&[a, b]).await;
            scene.patch(one(json!({"op": "replace", "path": "members", "value": nobody})), &[]).await;
        }
    }

    async fn who_does_not_exist_is_left_out(app: &App) {
        let scene = Scene::new(app.generic()).await;
        let Scene { a, scim, .. } = &scene;
        let stranger = id(&app.scim(&app.furniture().foreign).user("stranger").await);
        let value =
            json!([{"value": "unheard-of"}, {"value": a}, {"value": stranger}, {"value": scene.group}]);
        scene.patch(one(json!({"op": "add", "path": "members", "value": value})), &[a]).await;
        let body = json!({"schemas": [GROUP], "displayName": "Others", "members": value});
        let others = scim.post("/Groups", &body).await.expect(201).json();
        let found = scim.members(&id(&others)).await;
        assert_eq!(found.len(), 2, "the user and the other group: {found:?}");

        set(app, &app.furniture().generic, &["unknown-members=refuse"]).await;
        let before = scim.get(&scene.path()).await.expect(200).json();
        let value = json!([{"value": scene.b}, {"value": "unheard-of"}]);
        let add = json!([{"op": "add", "path": "members", "value": value}]);
        let error = scim.patch(&scene.path(), add).await.expect(400).json();
        assert_eq!(error["scimType"], "invalidValue");
        assert!(text(&error["detail"]).contains("unheard-of"), "it says who: {error}");
        assert_eq!(scim.get(&scene.path()).await.expect(200).json(), before, "all or none");
    }

    async fn members_must_look_like_members(app: &App) {
        let scene = Scene::new(app.generic()).await;
        let Scene { a, b, scim, .. } = &scene;
        scene.with(&[a]).await;
        let before = scim.get(&scene.path()).await.expect(200).json();
        for (operation, kind) in [
            (json!({"op": "add", "path": "members", "value": "x"}), "invalidValue"),
            (json!({"op": "add", "path": "members", "value": [7]}), "invalidValue"),
            (json!({"op": "add", "path": "members", "value": [{"display": "Bert"}]}), "invalidValue"),
            (json!({"op": "add", "path": "members", "value": [{"value": {"id": b}}]}), "invalidValue"),
            (json!({"op": "add", "path": "members"}), "invalidValue"),
            (
                json!({"op": "replace", "path": format!("members[value eq \"{a}\"]"), "value": {"value": b}}),
                "invalidPath",
            ),
            (json!({"op": "remove", "path": "members[value eq"}), "invalidPath"),
            (json!({"op": "remove", "path": "members[shoeSize eq \"46\"]"}), "invalidFilter"),
            (json!({"op": "remove"}), "noTarget"),
        ] {
            let add_first = json!({"op": "add", "path": "members", "value": [{"value": b}]});
            let error = scim.patch(&scene.path(), json!([add_first, operation])).await.expect(400).json();
            assert_eq!(error["scimType"], kind, "{operation}: {error}");
            assert!(text(&error["detail"]).contains("Operation 2"), "it says where: {error}");
            assert_eq!(scim.get(&scene.path()).await.expect(200).json(), before, "{operation}");
        }
    }

    async fn of_many_who_join_and_leave_at_once_nobody_is_lost(app: &App) {
        let scim = app.generic();
        let (mut stay, mut leave) = (Vec::new(), Vec::new());
        for number in 0..10 {
            stay.push(id(&scim.user(&format!("stays{number}")).await));
            leave.push(id(&scim.user(&format!("leaves{number}")).await));
        }
        let group = id(&scim.group("Admins", &leave.iter().map(String::as_str).collect::<Vec<_>>()).await);
        let mut requests = JoinSet::new();
        let operations =
            stay.iter().map(|id| json!([{"op": "add", "path": "members", "value": [{"value": id}]}])).chain(
                leave
                    .iter()
                    .map(|id| json!([{"op": "remove", "path": format!("members[value eq \"{id}\"]")}])),
            );
        for operations in operations {
            let (scim, path) = (scim.clone(), format!("/Groups/{group}"));
            requests.spawn(async move { scim.patch(&path, operations).await.expect(200) });
        }
        requests.join_all().await;
        stay.sort();
        assert_eq!(scim.members(&group).await, stay);
    }

    async fn a_member_who_is_added_while_being_deleted_is_gone_in_the_end(app: &App) {
        let scim = app.generic();
        let group = id(&scim.group("Admins", &[]).await);
        let mut requests = JoinSet::new();
        for number in 0..8 {
            let user = id(&scim.user(&format!("user{number}")).await);
            let (adds, deletes) = (scim.clone(), scim.clone());
            let (path, deleted) = (format!("/Groups/{group}"), format!("/Users/{user}"));
            let add = json!([{"op": "add", "path": "members", "value": [{"value": user}]}]);
            requests.spawn(async move { adds.patch(&path, add).await.status });
            requests.spawn(async move { deletes.delete(&deleted).await.status });
        }
        for status in requests.join_all().await {
            // 503 is an honest answer to one of two who meet; whoever gets it sends the request again.
            assert!([200, 204, 503].contains(&status), "{status}");
        }
        for user in scim.find("Users", "userName pr").await {
            scim.delete(&format!("/Users/{}", id(&user))).await.expect(204);
        }
        assert!(scim.members(&group).await.is_empty());
        assert_eq!(scim.count("Users").await, 0);
    }
}
