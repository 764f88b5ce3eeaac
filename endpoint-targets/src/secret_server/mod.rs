//! Secret Server, through its REST API.
//!
//! Users have no external id, no version and no rename; deleting is disabling. A person is known by the e-mail address.
//! What belongs to a directory that Secret Server synchronises, to the system, or to an application is left alone.

mod client;
mod map;

use std::sync::Arc;

use async_trait::async_trait;
use endpoint_store::sealed::SecretBytes;
use endpoint_store::targets::{Options, Target, wish};
use reqwest::Method;
use scim_core::fold::fold;
use serde_json::{Value, json};

use crate::remote::{Check, Failure, Refusal, Remote, RemoteGroup, RemoteUser};
use client::{Account, Client};

/// The rights that the application account needs.
const RIGHTS: [&str; 3] = ["View Users", "Administer Users", "Administer Groups"];

struct SecretServer {
    client: Client,
    options: Options,
}

/// The way to one Secret Server.
pub(crate) fn open(target: &Target, password: SecretBytes) -> Result<Arc<dyn Remote>, Failure> {
    let account = Account {
        username: target.username.clone().unwrap_or_default(),
        password,
        domain: target.domain.clone(),
    };
    let client = Client::new(&target.url, account)?;
    Ok(Arc::new(SecretServer { client, options: target.options.clone() }))
}

impl SecretServer {
    async fn find_users(&self, field: &str, text: &str) -> Result<Vec<RemoteUser>, Failure> {
        let query =
            [("filter.searchText", text), ("filter.searchFields", field), ("filter.includeInactive", "true")];
        let rows = self.client.list("users", &query, Some("displayName")).await?;
        Ok(rows.iter().filter_map(|row| map::user(row, self.client.username())).collect())
    }

    /// Rows of a list do not say whether a group is the system's own: each that may be ours is read.
    async fn whole(&self, listed: Vec<RemoteGroup>) -> Result<Vec<RemoteGroup>, Failure> {
        let mut whole = Vec::with_capacity(listed.len());
        for group in listed {
            match group.owned {
                Some(_) => whole.push(group),
                None => whole.extend(self.group(&group.id).await?),
            }
        }
        Ok(whole)
    }
}

#[async_trait]
impl Remote for SecretServer {
    fn label(&self) -> &'static str {
        "Secret Server"
    }

    fn renames_users(&self) -> bool {
        false
    }

    fn knows_by_email(&self) -> bool {
        true
    }

    async fn check(&self) -> Check {
        let mut check = Check::default();
        let health = self.client.health().await;
        if let Ok(answer) = &health
            && answer.get("readOnlyMode").and_then(Value::as_bool) == Some(true)
        {
            check.note("Health", false, "it is in read-only mode; nothing can be changed until it is not");
        } else if check.tried("Health", health, "it answers and is healthy").is_none() {
            return check;
        }
        let signed_in = self.client.sign_in().await;
        let good = format!("signed in as {}", self.client.username());
        if check.tried("Sign-in", signed_in, &good).is_none() {
            return check;
        }
        if let Ok(answer) = self.client.call(Method::GET, "version", &[], None).await
            && let Some(version) = answer.pointer("/model/version").and_then(Value::as_str)
        {
            check.note("Version", true, version.chars().take(40).collect::<String>());
        }
        let current = match self.client.call(Method::GET, "users/current", &[], None).await {
            Ok(current) => current,
            Err(failure) => {
                check.note("Rights", false, failure.to_string());
                return check;
            }
        };
        let rights = current.get("permissions").and_then(Value::as_array).cloned().unwrap_or_default();
        for right in RIGHTS {
            let there =
                rights.iter().any(|one| one.get("name").and_then(Value::as_str).is_some_and(|n| n == right));
            let sentence = if there {
                "the account has it".to_owned()
            } else {
                format!("the account {} lacks it: give it to a role of the account", self.client.username())
            };
            check.note(&format!("Right “{right}”"), there, sentence);
        }
        check
    }

    async fn users_like(&self, user: &wish::User) -> Result<Vec<RemoteUser>, Failure> {
        // Its search finds parts of words; what is exactly the same is decided here.
        let mut found = self.find_users("userName", &user.user_name).await?;
        found.retain(|there| fold(&there.login) == fold(&user.user_name));
        if let Some(email) = &user.email {
            let by_email = self.find_users("emailAddress", email).await?;
            let same = by_email
                .into_iter()
                .filter(|there| there.email.as_deref().is_some_and(|other| fold(other) == fold(email)));
            found.extend(same);
            // The address may be the login name of somebody who came from here.
            let by_login = self.find_users("userName", email).await?;
            found.extend(by_login.into_iter().filter(|there| fold(&there.login) == fold(email)));
        }
        found.sort_by(|a, b| a.id.cmp(&b.id));
        found.dedup_by(|a, b| a.id == b.id);
        Ok(found)
    }

    async fn user(&self, id: &str) -> Result<Option<RemoteUser>, Failure> {
        let answer = self.client.read(&format!("users/{id}"), &[("includeInactive", "true")]).await?;
        Ok(answer.and_then(|row| map::user(&row, self.client.username())))
    }

    async fn create_user(&self, user: &wish::User, login: &str) -> Result<RemoteUser, Failure> {
        let password = map::password(&self.options);
        let body = json!({
            "userName": login, "password": password.as_str(), "displayName": user.display_name,
            "emailAddress": user.email, "enabled": true, "domainId": map::LOCAL, "isApplicationAccount": false,
            "twoFactor": false, "radiusTwoFactor": false, "radiusUserName": null, "duoTwoFactor": false,
            "oathTwoFactor": false, "fido2TwoFactor": false, "unixAuthenticationMethod": "Password", "adGuid": null,
        });
        let made = self.client.call(Method::POST, "users", &[], Some(&body)).await?;
        map::user(&made, self.client.username()).ok_or_else(|| client::not_understood("a new user"))
    }

    fn differences(&self, there: &RemoteUser, wanted: &wish::User) -> Vec<String> {
        let mut differ = Vec::new();
        if there.display_name != wanted.display_name {
            differ.push("display name".to_owned());
        }
        // An address that is not sent says nothing about the one that is there.
        if wanted.email.is_some() && there.email != wanted.email {
            differ.push("e-mail address".to_owned());
        }
        differ
    }

    async fn update_user(&self, there: &RemoteUser, wanted: &wish::User) -> Result<(), Failure> {
        let mut changes =
            vec![("displayName", json!(wanted.display_name)), ("enabled", json!(wanted.enabled))];
        if let Some(email) = &wanted.email {
            changes.push(("emailAddress", json!(email)));
        }
        self.client.change_user(&there.id, &changes).await
    }

    async fn disable_user(&self, there: &RemoteUser) -> Result<(), Failure> {
        self.client.change_user(&there.id, &[("enabled", json!(false))]).await
    }

    async fn groups_like(&self, name: &str) -> Result<Vec<RemoteGroup>, Failure> {
        let query = [("filter.searchText", name), ("filter.includeInactive", "true")];
        let rows = self.client.list("groups", &query, Some("name")).await?;
        let groups = rows.iter().filter_map(map::group);
        self.whole(groups.filter(|group| fold(&group.name) == fold(name)).collect()).await
    }

    async fn group(&self, id: &str) -> Result<Option<RemoteGroup>, Failure> {
        let answer = self.client.read(&format!("groups/{id}"), &[]).await?;
        Ok(answer.as_ref().and_then(map::group))
    }

    async fn create_group(&self, _: &str, name: &str) -> Result<RemoteGroup, Failure> {
        let body = json!({"name": name, "enabled": true});
        let made = self.client.call(Method::POST, "groups", &[], Some(&body)).await?;
        map::group(&made).ok_or_else(|| client::not_understood("a new group"))
    }

    async fn update_group(&self, there: &RemoteGroup, name: &str, enabled: bool) -> Result<(), Failure> {
        self.client.change_group(&there.id, name, enabled).await
    }

    async fn is_member(&self, group: &str, user: &str) -> Result<bool, Failure> {
        Ok(self.client.read(&format!("groups/{group}/users/{user}"), &[]).await?.is_some())
    }

    async fn add_member(&self, group: &str, user: &str) -> Result<(), Failure> {
        let body = json!({"userId": map::number(user)?});
        self.client.call(Method::POST, &format!("groups/{group}/users"), &[], Some(&body)).await.map(drop)
    }

    async fn remove_member(&self, group: &str, user: &str) -> Result<(), Failure> {
        self.client.call(Method::DELETE, &format!("groups/{group}/users/{user}"), &[], None).await.map(drop)
    }

    async fn members(&self, group: &str) -> Result<Vec<String>, Failure> {
        let query = [("filter.includeInactiveUsersForGroup", "true")];
        let path = format!("groups/{group}/users");
        let rows = self.client.list(&path, &query, Some("displayName")).await?;
        Ok(rows.iter().filter_map(|row| map::id(row.get("userId")?)).collect())
    }

    async fn all_users(&self) -> Result<Vec<RemoteUser>, Failure> {
        let query = [("filter.includeInactive", "true")];
        let rows = self.client.list("users", &query, Some("displayName")).await?;
        Ok(rows.iter().filter_map(|row| map::user(row, self.client.username())).collect())
    }

    async fn all_groups(&self) -> Result<Vec<RemoteGroup>, Failure> {
        let query = [("filter.includeInactive", "true")];
        let rows = self.client.list("groups", &query, Some("name")).await?;
        self.whole(rows.iter().filter_map(map::group).collect()).await
    }
}

/// What its words about a refusal mean. Codes for the usual cases are not published: the words are a hint, and what is
/// there decides in the end.
fn meaning(code: &str, message: &str) -> Refusal {
    let message = message.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    match code {
        "API_CannotAddRemoveUsersFromDirectoryManagedGroups" => Refusal::Owned,
        "API_MetApplicationAPILimit" => Refusal::Licence,
        _ if says(&["licen"]) => Refusal::Licence,
        _ if says(&["already exists", "already in use", "duplicate", "is taken"]) => Refusal::Taken,
        _ if says(&["password", "too long", "required", "invalid"]) => Refusal::Value,
        _ => Refusal::Other,
    }
}
