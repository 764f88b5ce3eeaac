//! A person in front of the console, without a browser: cookies, redirects, forms.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::support::html::{Form, forms};
use crate::support::http::{Answer, Request, send};

/// A session with the console.
#[derive(Clone)]
pub(crate) struct Console {
    pub(crate) address: SocketAddr,
    pub(crate) cookies: BTreeMap<String, String>,
    /// Every `Set-Cookie` as received.
    pub(crate) set_cookies: Vec<String>,
}

/// A page with the path that it was finally found under.
pub(crate) struct Page {
    pub(crate) path: String,
    pub(crate) answer: Answer,
}

impl Console {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, cookies: BTreeMap::new(), set_cookies: Vec::new() }
    }

    /// One request, no redirects.
    pub(crate) async fn send(&mut self, request: Request) -> Answer {
        let jar: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = if jar.is_empty() { request } else { request.header("Cookie", &jar.join("; ")) };
        let answer = send(self.address, &request).await;
        for cookie in answer.headers_named("set-cookie") {
            self.set_cookies.push(cookie.to_owned());
            let pair = cookie.split(';').next().unwrap_or_default();
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let gone = value.is_empty() || cookie.to_ascii_lowercase().contains("max-age=0");
            if gone {
                self.cookies.remove(name.trim());
            } else {
                self.cookies.insert(name.trim().to_owned(), value.trim().to_owned());
            }
        }
        answer
    }

    /// Goes to a page and follows redirects to where they end.
    pub(crate) async fn visit(&mut self, path: &str) -> Page {
        let answer = self.send(Request::new("GET", path)).await;
        self.follow(path, answer).await
    }

    /// Sends a form as a browser on that page would.
    pub(crate) async fn submit(&mut self, page: &Page, form: &Form) -> Page {
        let action =
            if form.action.is_empty() { page.path.clone() } else { resolve(&page.path, &form.action) };
        let answer = self.send(self.form_request(&action, &form.encoded())).await;
        self.follow(&action, answer).await
    }

    /// A POST of a form with the headers of a browser that shows our own page.
    pub(crate) fn form_request(&self, path: &str, body: &str) -> Request {
        Request::new("POST", path)
            .header("Content-Type", "application/x-www-form-urlencoded")
            .header("Origin", &format!("http://{}", self.address))
            .header("Sec-Fetch-Site", "same-origin")
            .body(body)
    }

    async fn follow(&mut self, path: &str, answer: Answer) -> Page {
        let (mut path, mut answer) = (path.to_owned(), answer);
        for _ in 0..10 {
            if !(300..400).contains(&answer.status) || answer.status == 304 {
                return Page { path, answer };
            }
            let location =
                answer.header("location").unwrap_or_else(|| panic!("a redirect says where to: {answer:#}"));
            path = resolve(&path, location);
            answer = self.send(Request::new("GET", &path)).await;
        }
        panic!("redirects without end at {path}");
    }

    /// Signs in through whatever page the console shows to a stranger.
    pub(crate) async fn sign_in(&mut self, name: &str, password: &str) -> Page {
        let page = self.visit("/admin").await;
        let form =
            page.form_with("type=\"password\"").with_kind("password", password).with_kind("text", name);
        self.submit(&page, &form).await
    }
}

impl Page {
    pub(crate) fn html(&self) -> String {
        self.answer.text()
    }

    pub(crate) fn text(&self) -> String {
        crate::support::html::text(&self.html())
    }

    /// The form whose source contains a text, such as the label of its button.
    #[track_caller]
    pub(crate) fn form_with(&self, text: &str) -> Form {
        let found = forms(&self.html()).into_iter().find(|form| form.source.contains(text));
        found.unwrap_or_else(|| panic!("no form with {text:?} on {}: {}", self.path, self.answer))
    }
}

/// A link on a page: absolute URL, absolute path, or query only.
fn resolve(from: &str, to: &str) -> String {
    if let Some((_, rest)) = to.split_once("://") {
        return rest.find('/').map_or("/".to_owned(), |slash| rest[slash..].to_owned());
    }
    if to.starts_with('/') {
        return to.to_owned();
    }
    let path = from.split(['?', '#']).next().unwrap_or_default();
    if to.starts_with('?') {
        return format!("{path}{to}");
    }
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    format!("{folder}/{to}")
}
