//! Another SCIM 2.0 server: what comes in here goes on there.
//!
//! There the resource has our id as its `externalId`. A user who is deleted here is deactivated there, a group is deleted.

use std::sync::Arc;

use async_trait::async_trait;
use endpoint_store::sealed::SecretBytes;
use endpoint_store::targets::{Target, wish};
use reqwest::{Method, StatusCode};
use scim_core::fold::fold;
use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;

use crate::http::{self, AT_ONCE, Answer};
use crate::remote::{Check, Failure, Refusal, Remote, RemoteGroup, RemoteUser};

const PAGE: usize = 100;
const MEDIA: &str = "application/scim+json";
/// What the other server gives itself, or what is no attribute of a person.
const NOT_SENT: [&str; 5] = ["id", "meta", "groups", "password", "externalId"];

struct Scim {
    http: reqwest::Client,
    base: String,
    token: SecretBytes,
    places: Semaphore,
}

/// The way to one SCIM server.
pub(crate) fn open(target: &Target, token: SecretBytes) -> Result<Arc<dyn Remote>, Failure> {
    let (http, base) = (http::client(http::PATIENCE)?, target.url.clone());
    Ok(Arc::new(Scim { http, base, token, places: Semaphore::new(AT_ONCE) }))
}

impl Scim {
    async fn call(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let _place = self.places.acquire().await.map_err(|_| Failure::Busy(None))?;
        let token = self.token.reveal_text().map_err(|e| Failure::Denied(e.to_string()))?;
        let mut request =
            self.http.request(method, format!("{}/{path}", self.base)).bearer_auth(token).query(query);
        request = request.header(reqwest::header::ACCEPT, MEDIA);
        if let Some(body) = body {
            request = request.header(reqwest::header::CONTENT_TYPE, MEDIA).body(body.to_string());
        }
        understood(http::send(request).await?)
    }

    async fn read(&self, path: &str, query: &[(&str, &str)]) -> Result<Option<Value>, Failure> {
        match self.call(Method::GET, path, query, None).await {
            Ok(found) => Ok(Some(found)),
            Err(failure) if failure.is_missing() => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    async fn all(&self, path: &str, query: &[(&str, &str)]) -> Result<Vec<Value>, Failure> {
        let (mut rows, count) = (Vec::new(), PAGE.to_string());
        loop {
            let start = (rows.len() + 1).to_string();
            let mut query: Vec<(&str, &str)> = query.to_vec();
            query.extend([("startIndex", start.as_str()), ("count", count.as_str())]);
            let page = self.call(Method::GET, path, &query, None).await?;
            let total = page.get("totalResults").and_then(Value::as_u64).unwrap_or(0);
            let found = page.get("Resources").and_then(Value::as_array).cloned().unwrap_or_default();
            let none = found.is_empty();
            rows.extend(found);
            if none || u64::try_from(rows.len()).unwrap_or(u64::MAX) >= total {
                return Ok(rows);
            }
        }
    }

    async fn change_members(&self, group: &str, operation: Value) -> Result<(), Failure> {
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation],
        });
        self.call(Method::PATCH, &format!("Groups/{group}"), &[], Some(&body)).await.map(drop)
    }
}

/// The attributes that are sent.
fn body_of(user: &wish::User, login: &str) -> Map<String, Value> {
    let mut body = user.attributes.clone();
    body.retain(|name, _| !NOT_SENT.contains(&name.as_str()));
    let mut schemas = vec![json!("urn:ietf:params:scim:schemas:core:2.0:User")];
    schemas.extend(body.keys().filter(|name| name.starts_with("urn:")).map(|name| json!(name)));
    body.insert("schemas".into(), Value::Array(schemas));
    body.insert("userName".into(), json!(login));
    body.insert("externalId".into(), json!(user.id));
    body.insert("active".into(), json!(user.enabled));
    body
}

fn user_of(row: &Value) -> Option<RemoteUser> {
    let text = |name: &str| row.get(name).and_then(Value::as_str).map(str::to_owned);
    let login = text("userName")?;
    Some(RemoteUser {
        id: text("id")?,
        display_name: text("displayName").unwrap_or_else(|| login.clone()),
        email: row.pointer("/emails/0/value").and_then(Value::as_str).map(str::to_owned),
        enabled: row.get("active").and_then(Value::as_bool).unwrap_or(true),
        owned: None,
        attributes: row.clone(),
        login,
    })
}

fn group_of(row: &Value) -> Option<RemoteGroup> {
    let text = |name: &str| row.get(name).and_then(Value::as_str).map(str::to_owned);
    Some(RemoteGroup { id: text("id")?, name: text("displayName")?, enabled: true, owned: None })
}

/// A value in a filter, in quotation marks.
fn quoted(text: &str) -> String {
    Value::String(text.to_owned()).to_string()
}

fn not_understood() -> Failure {
    Failure::Away("its answer cannot be understood".into())
}

#[async_trait]
impl Remote for Scim {
    fn label(&self) -> &'static str {
        "the SCIM server"
    }

    fn renames_users(&self) -> bool {
        true
    }

    fn knows_by_email(&self) -> bool {
        false
    }

    async fn check(&self) -> Check {
        let mut check = Check::default();
        let config = self.call(Method::GET, "ServiceProviderConfig", &[], None).await;
        let Some(config) = check.tried("Address and token", config, "it answers as a SCIM 2.0 server") else {
            return check;
        };
        let can = |path: &str| config.pointer(path).and_then(Value::as_bool) == Some(true);
        for (what, path) in [("PATCH", "/patch/supported"), ("Filters", "/filter/supported")] {
            let sentence =
                if can(path) { "it has them" } else { "it says that it has none; they are needed" };
            check.note(what, can(path), sentence);
        }
        let listed = self.call(Method::GET, "Users", &[("count", "1")], None).await;
        check.tried("Users", listed, "they can be read");
        let listed = self.call(Method::GET, "Groups", &[("count", "1")], None).await;
        check.tried("Groups", listed, "they can be read");
        check
    }

    async fn users_like(&self, user: &wish::User) -> Result<Vec<RemoteUser>, Failure> {
        let filter = format!("userName eq {}", quoted(&user.user_name));
        let rows = self.all("Users", &[("filter", &filter)]).await?;
        let users = rows.iter().filter_map(user_of);
        Ok(users.filter(|there| fold(&there.login) == fold(&user.user_name)).collect())
    }

    async fn user(&self, id: &str) -> Result<Option<RemoteUser>, Failure> {
        Ok(self.read(&format!("Users/{id}"), &[]).await?.as_ref().and_then(user_of))
    }

    async fn create_user(&self, user: &wish::User, login: &str) -> Result<RemoteUser, Failure> {
        let body = Value::Object(body_of(user, login));
        let made = self.call(Method::POST, "Users", &[], Some(&body)).await?;
        user_of(&made).ok_or_else(not_understood)
    }

    fn differences(&self, there: &RemoteUser, wanted: &wish::User) -> Vec<String> {
        let body = body_of(wanted, &wanted.user_name);
        let differ = |(name, value): (&String, &Value)| {
            (name != "schemas" && there.attributes.get(name) != Some(value)).then(|| name.clone())
        };
        body.iter().filter_map(differ).collect()
    }

    async fn update_user(&self, there: &RemoteUser, wanted: &wish::User) -> Result<(), Failure> {
        let body = Value::Object(body_of(wanted, &wanted.user_name));
        self.call(Method::PUT, &format!("Users/{}", there.id), &[], Some(&body)).await.map(drop)
    }

    async fn disable_user(&self, there: &RemoteUser) -> Result<(), Failure> {
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{"op": "replace", "path": "active", "value": false}],
        });
        self.call(Method::PATCH, &format!("Users/{}", there.id), &[], Some(&body)).await.map(drop)
    }

    async fn groups_like(&self, name: &str) -> Result<Vec<RemoteGroup>, Failure> {
        let filter = format!("displayName eq {}", quoted(name));
        let query = [("filter", filter.as_str()), ("excludedAttributes", "members")];
        let rows = self.all("Groups", &query).await?;
        Ok(rows.iter().filter_map(group_of).filter(|group| fold(&group.name) == fold(name)).collect())
    }

    async fn group(&self, id: &str) -> Result<Option<RemoteGroup>, Failure> {
        let query = [("excludedAttributes", "members")];
        Ok(self.read(&format!("Groups/{id}"), &query).await?.as_ref().and_then(group_of))
    }

    async fn create_group(&self, id: &str, name: &str) -> Result<RemoteGroup, Failure> {
        let body = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": name, "externalId": id,
        });
        let made = self.call(Method::POST, "Groups", &[], Some(&body)).await?;
        group_of(&made).ok_or_else(not_understood)
    }

    async fn update_group(&self, there: &RemoteGroup, name: &str, enabled: bool) -> Result<(), Failure> {
        let path = format!("Groups/{}", there.id);
        if !enabled {
            return match self.call(Method::DELETE, &path, &[], None).await {
                Err(failure) if !failure.is_missing() => Err(failure),
                _ => Ok(()),
            };
        }
        let operation = json!({"op": "replace", "path": "displayName", "value": name});
        self.change_members(&there.id, operation).await
    }

    async fn is_member(&self, group: &str, user: &str) -> Result<bool, Failure> {
        Ok(self.members(group).await?.iter().any(|member| member == user))
    }

    async fn add_member(&self, group: &str, user: &str) -> Result<(), Failure> {
        self.change_members(group, json!({"op": "add", "path": "members", "value": [{"value": user}]})).await
    }

    async fn remove_member(&self, group: &str, user: &str) -> Result<(), Failure> {
        let path = format!("members[value eq {}]", quoted(user));
        self.change_members(group, json!({"op": "remove", "path": path})).await
    }

    async fn members(&self, group: &str) -> Result<Vec<String>, Failure> {
        let found = self.read(&format!("Groups/{group}"), &[("attributes", "members")]).await?;
        let members = found.as_ref().and_then(|group| group.get("members")?.as_array());
        let ids = members.into_iter().flatten().filter_map(|member| member.get("value")?.as_str());
        Ok(ids.map(str::to_owned).collect())
    }

    async fn all_users(&self) -> Result<Vec<RemoteUser>, Failure> {
        Ok(self.all("Users", &[]).await?.iter().filter_map(user_of).collect())
    }

    async fn all_groups(&self) -> Result<Vec<RemoteGroup>, Failure> {
        let rows = self.all("Groups", &[("excludedAttributes", "members")]).await?;
        Ok(rows.iter().filter_map(group_of).collect())
    }
}

fn understood(answer: Answer) -> Result<Value, Failure> {
    let status = answer.status;
    if answer.is_page {
        return Err(Failure::Away(
            "a web page came instead of JSON: is this the SCIM base URL of the other server?".into(),
        ));
    }
    if status == StatusCode::NO_CONTENT {
        return Ok(Value::Null);
    }
    if status.is_success() {
        return answer.json.ok_or_else(not_understood);
    }
    let said: String = answer.word("detail").unwrap_or("it gives no reason").chars().take(300).collect();
    let said = format!("the SCIM server says: {}", said.trim_end_matches('.'));
    let taken = answer.word("scimType") == Some("uniqueness");
    Err(match status {
        StatusCode::CONFLICT => Failure::Refused(Refusal::Taken, said),
        StatusCode::BAD_REQUEST if taken => Failure::Refused(Refusal::Taken, said),
        StatusCode::BAD_REQUEST => Failure::Refused(Refusal::Value, said),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Failure::Denied(said),
        StatusCode::NOT_FOUND => Failure::Refused(Refusal::Missing, said),
        StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => {
            Failure::Refused(Refusal::Method, said)
        }
        StatusCode::TOO_MANY_REQUESTS => Failure::Busy(answer.retry_after),
        _ => Failure::Away(format!("it answered {}", status.as_u16())),
    })
}
