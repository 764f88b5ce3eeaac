//! Its REST API: signing in, paging, and what its answers mean.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use endpoint_store::sealed::SecretBytes;
use reqwest::{Method, StatusCode};
use serde_json::{Map, Value, json};
use tokio::sync::{Mutex, Semaphore};
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::{map, meaning};
use crate::http::{self, AT_ONCE, Answer};
use crate::remote::{Failure, Refusal};

/// Rows of one page. It must be told: what it takes otherwise is not published.
const TAKE: usize = 200;
/// Rows of one list at most.
const MOST_ROWS: usize = 2_000_000;
/// How much of its life a token is used for, in percent.
const TOKEN_LIFE: u32 = 80;

/// Who signs in.
pub(super) struct Account {
    pub(super) username: String,
    pub(super) password: SecretBytes,
    pub(super) domain: Option<String>,
}

struct Token {
    text: Zeroizing<String>,
    until: Instant,
}

/// The way to one Secret Server, shared by all that is done there.
pub(super) struct Client {
    http: reqwest::Client,
    base: String,
    account: Account,
    token: Mutex<Option<Token>>,
    places: Semaphore,
    /// An old version that does not know PATCH.
    old_users: AtomicBool,
    old_groups: AtomicBool,
}

pub(super) fn not_understood(what: &str) -> Failure {
    Failure::Away(format!("its answer about {what} cannot be understood"))
}

impl Client {
    pub(super) fn new(base: &str, account: Account) -> Result<Self, Failure> {
        Ok(Self {
            http: http::client(http::PATIENCE)?,
            base: base.to_owned(),
            account,
            token: Mutex::new(None),
            places: Semaphore::new(AT_ONCE),
            old_users: AtomicBool::new(false),
            old_groups: AtomicBool::new(false),
        })
    }

    pub(super) fn username(&self) -> &str {
        &self.account.username
    }

    /// Whether it lives; needs no token.
    pub(super) async fn health(&self) -> Result<Value, Failure> {
        let answer = http::send(self.http.get(format!("{}/api/v1/healthcheck", self.base))).await?;
        let found = understood(answer, "healthcheck")?;
        match found.get("healthy").and_then(Value::as_bool) {
            Some(true) => Ok(found),
            Some(false) => Err(Failure::Away("it says of itself that it is not healthy".into())),
            None => Err(Failure::Away(
                "there is no Secret Server at this URL: its health check answers otherwise".into(),
            )),
        }
    }

    /// Signs in anew.
    pub(super) async fn sign_in(&self) -> Result<(), Failure> {
        let mut token = self.token.lock().await;
        *token = Some(self.log_in().await?);
        Ok(())
    }

    async fn log_in(&self) -> Result<Token, Failure> {
        let password = self.account.password.reveal_text().map_err(|e| Failure::Denied(e.to_string()))?;
        let mut form =
            vec![("grant_type", "password"), ("username", self.username()), ("password", password)];
        if let Some(domain) = self.account.domain.as_deref() {
            form.push(("domain", domain));
        }
        let began = Instant::now();
        let answer = http::send(self.http.post(format!("{}/oauth2/token", self.base)).form(&form)).await?;
        if answer.status == StatusCode::BAD_REQUEST || answer.status == StatusCode::UNAUTHORIZED {
            let said = answer.word("error").unwrap_or_default();
            return Err(Failure::Denied(format!(
                "it does not let {} sign in: {}; look at the name, the password and its expiry there",
                self.username(),
                sentence(said)
            )));
        }
        let found = understood(answer, "the sign-in")?;
        let text = found.get("access_token").and_then(Value::as_str);
        let text = text.ok_or_else(|| not_understood("the sign-in"))?;
        let life = found.get("expires_in").and_then(Value::as_u64).unwrap_or(600).min(86_400);
        let until = began + Duration::from_secs(life) * TOKEN_LIFE / 100;
        Ok(Token { text: Zeroizing::new(text.to_owned()), until })
    }

    /// A token that is good for a while, and whether it was in use before.
    async fn token(&self) -> Result<(Zeroizing<String>, bool), Failure> {
        let mut kept = self.token.lock().await;
        if let Some(token) = kept.as_ref().filter(|token| token.until > Instant::now()) {
            return Ok((token.text.clone(), true));
        }
        let new = self.log_in().await?;
        let text = new.text.clone();
        *kept = Some(new);
        Ok((text, false))
    }

    async fn drop_token(&self, used: &str) {
        let mut kept = self.token.lock().await;
        if kept.as_ref().is_some_and(|token| token.text.as_str() == used) {
            *kept = None;
        }
    }

    /// One request, with one more sign-in when the token is no longer good: an expired token and a missing right look
    /// the same.
    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let _place = self.places.acquire().await.map_err(|_| Failure::Busy(None))?;
        let mut again = true;
        loop {
            let (token, was_in_use) = self.token().await?;
            let mut request = self
                .http
                .request(method.clone(), format!("{}/api/v1/{path}", self.base))
                .bearer_auth(token.as_str())
                .query(query);
            if let Some(body) = body {
                request = request.json(body);
            }
            let answer = http::send(request).await?;
            let shut = matches!(answer.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
            if shut && was_in_use && again {
                again = false;
                self.drop_token(&token).await;
                continue;
            }
            let what = format!("{method} {path}");
            return understood(answer, &what).map_err(|failure| self.about_rights(failure, &what));
        }
    }

    fn about_rights(&self, failure: Failure, what: &str) -> Failure {
        match failure {
            Failure::Denied(_) => Failure::Denied(format!(
                "the account {} may not do this ({what}): test the connection to see which right it lacks",
                self.username()
            )),
            other => other,
        }
    }

    /// Something that may be missing: it says so with 400 or 404.
    pub(super) async fn read(&self, path: &str, query: &[(&str, &str)]) -> Result<Option<Value>, Failure> {
        match self.call(Method::GET, path, query, None).await {
            Ok(found) => Ok(Some(found)),
            Err(Failure::Refused(..)) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// All rows of a list, page by page. Pages are no snapshot: a row that moved is taken once.
    pub(super) async fn list(
        &self,
        path: &str,
        filter: &[(&str, &str)],
        sort: Option<&str>,
    ) -> Result<Vec<Value>, Failure> {
        let (mut rows, mut seen) = (Vec::new(), std::collections::HashSet::new());
        let (mut skip, mut sort) = (0, sort);
        loop {
            let (from, take) = (skip.to_string(), TAKE.to_string());
            let mut query: Vec<(&str, &str)> = filter.to_vec();
            query.extend([("skip", from.as_str()), ("take", take.as_str())]);
            if let Some(name) = sort {
                query.extend([("sortBy[0].name", name), ("sortBy[0].direction", "asc")]);
            }
            let page = match self.call(Method::GET, path, &query, None).await {
                // Which names it sorts by is not published; without an order it works, too.
                Err(Failure::Refused(Refusal::Other | Refusal::Value, _)) if sort.is_some() => {
                    sort = None;
                    continue;
                }
                // Of a search it may mean that nothing was found.
                Err(failure) if failure.is_missing() && skip == 0 => return Ok(rows),
                page => page?,
            };
            let found = page.get("records").and_then(Value::as_array);
            let found = found.ok_or_else(|| not_understood(path))?;
            for row in found {
                let key = row.get("userId").or_else(|| row.get("id")).and_then(Value::as_i64);
                if key.is_none_or(|key| seen.insert(key)) {
                    rows.push(row.clone());
                }
            }
            let next =
                page.get("nextSkip").and_then(Value::as_u64).and_then(|next| usize::try_from(next).ok());
            let more = page.get("hasNext").and_then(Value::as_bool).unwrap_or(false);
            match next {
                Some(next) if more && next > skip && !found.is_empty() && rows.len() < MOST_ROWS => {
                    skip = next;
                }
                _ => return Ok(rows),
            }
        }
    }

    /// Changes some fields of a user, and leaves the others alone.
    pub(super) async fn change_user(&self, id: &str, changes: &[(&str, Value)]) -> Result<(), Failure> {
        let (path, number) = (format!("users/{id}"), map::number(id)?);
        if !self.old_users.load(Ordering::Relaxed) {
            let mut body = Map::new();
            body.insert("id".into(), json!(number));
            for (name, value) in changes {
                body.insert((*name).to_owned(), json!({"dirty": true, "value": value}));
            }
            match self.call(Method::PATCH, &path, &[], Some(&Value::Object(body))).await {
                Err(Failure::Refused(Refusal::Method | Refusal::Missing, _)) => {
                    self.old_users.store(true, Ordering::Relaxed);
                }
                outcome => return outcome.map(drop),
            }
        }
        // Everything is replaced: what is there is read and sent back.
        let found = self.read(&path, &[("includeInactive", "true")]).await?;
        let Some(Value::Object(found)) = found else {
            return Err(Failure::Refused(Refusal::Missing, format!("there is no user {id} any more")));
        };
        let mut body = Map::new();
        for name in REPLACED {
            if let Some(value) = found.get(name) {
                body.insert(name.to_owned(), value.clone());
            }
        }
        body.insert("id".into(), json!(number));
        body.insert("password".into(), Value::Null);
        body.insert("isGroupOwnerUpdate".into(), json!(false));
        for (name, value) in changes {
            body.insert((*name).to_owned(), value.clone());
        }
        self.call(Method::PUT, &path, &[], Some(&Value::Object(body))).await.map(drop)
    }

    /// Name and state of a group.
    pub(super) async fn change_group(&self, id: &str, name: &str, enabled: bool) -> Result<(), Failure> {
        let path = format!("groups/{id}");
        if !self.old_groups.load(Ordering::Relaxed) {
            let dirty = |value: Value| json!({"dirty": true, "value": value});
            let body = json!({"data": {"name": dirty(json!(name)), "enabled": dirty(json!(enabled))}});
            match self.call(Method::PATCH, &path, &[], Some(&body)).await {
                Err(Failure::Refused(Refusal::Method | Refusal::Missing, _)) => {
                    self.old_groups.store(true, Ordering::Relaxed);
                }
                outcome => return outcome.map(drop),
            }
        }
        let body = json!({"id": map::number(id)?, "name": name, "enabled": enabled});
        self.call(Method::PUT, &path, &[], Some(&body)).await.map(drop)
    }
}

/// What PUT replaces of a user.
const REPLACED: [&str; 15] = [
    "displayName",
    "emailAddress",
    "enabled",
    "isLockedOut",
    "loginFailures",
    "twoFactor",
    "duoTwoFactor",
    "radiusTwoFactor",
    "radiusUserName",
    "oathTwoFactor",
    "fido2TwoFactor",
    "isApplicationAccount",
    "dateOptionId",
    "timeOptionId",
    "unixAuthenticationMethod",
];

/// The body of a good answer; anything else sorted by what it means.
fn understood(answer: Answer, what: &str) -> Result<Value, Failure> {
    if answer.is_page {
        return Err(Failure::Away(format!(
            "a web page came instead of JSON ({what}): is this the address of Secret Server, and are its web services \
             switched on?"
        )));
    }
    let status = answer.status;
    if status.is_success() {
        let found = answer.json.ok_or_else(|| not_understood(what))?;
        return if is_trouble(&found) {
            Err(Failure::Away(format!("it could not do {what}")))
        } else {
            Ok(found)
        };
    }
    let code = answer.word("errorCode").unwrap_or_default().to_owned();
    let said = answer.word("message").unwrap_or_default();
    let refused = |refusal: Refusal| Failure::Refused(refusal, sentence(said));
    Err(match status {
        StatusCode::BAD_REQUEST if code == "API_AccessDenied" => Failure::Denied(sentence(said)),
        StatusCode::BAD_REQUEST | StatusCode::CONFLICT => refused(meaning(&code, said)),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Failure::Denied(sentence(said)),
        StatusCode::NOT_FOUND => refused(Refusal::Missing),
        StatusCode::METHOD_NOT_ALLOWED => refused(Refusal::Method),
        StatusCode::TOO_MANY_REQUESTS => Failure::Busy(answer.retry_after),
        // Its own words about a fault hold names of its insides.
        _ => Failure::Away(format!("it answered {} to {what}", status.as_u16())),
    })
}

/// An answer that says 200 and means that it failed.
fn is_trouble(found: &Value) -> bool {
    let grave = found.get("severity").and_then(Value::as_str);
    found.get("success").and_then(Value::as_bool) == Some(false)
        || matches!(grave, Some("Retry" | "Critical" | "Fatal"))
}

/// Its words, of a bounded length and on one line.
fn sentence(said: &str) -> String {
    let line: String = said.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect();
    let line = line.trim().trim_end_matches('.').to_owned();
    if line.is_empty() { "it gives no reason".to_owned() } else { format!("Secret Server says: {line}") }
}
