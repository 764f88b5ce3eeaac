//! A browser without JavaScript and a store of its own, for tests of the pages.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::{fs, future::Future, path::PathBuf, pin::Pin, rc::Rc, sync::Arc};

use actix_web::{
    App,
    body::BoxBody,
    dev::ServiceResponse,
    http::{StatusCode, header},
    test::{TestRequest, call_service, init_service, read_body},
};
use endpoint_store::Store;
use endpoint_targets::{deliver::Deliverer, webhook::Sender};

use crate::{Clock, Console, PublicUrl, configure};

/// 24 November 2026, shortly after midnight.
pub(crate) const NOW: i64 = 1_795_479_360_000;
/// In milliseconds.
pub(crate) const MINUTE: i64 = 60_000;
/// In milliseconds.
pub(crate) const DAY: i64 = 24 * 60 * MINUTE;
/// Long enough.
pub(crate) const PASSWORD: &str = "four words are enough";

type Asked = Pin<Box<dyn Future<Output = ServiceResponse<BoxBody>>>>;

/// A browser without JavaScript: one cookie, forms, redirects by hand.
pub(crate) struct Browser {
    app: Box<dyn Fn(TestRequest) -> Asked>,
    /// What it sends as `Cookie`.
    pub(crate) cookie: String,
    folder: PathBuf,
}

/// What came back.
pub(crate) struct Page {
    pub(crate) status: StatusCode,
    pub(crate) location: String,
    pub(crate) text: String,
}

impl Browser {
    pub(crate) async fn new(console: Console, folder: PathBuf) -> Self {
        let app = App::new().configure(|cfg| configure(cfg, console));
        let app = Rc::new(init_service(app).await);
        let ask = move |request: TestRequest| -> Asked {
            let app = app.clone();
            Box::pin(async move { call_service(&*app, request.to_request()).await.map_into_boxed_body() })
        };
        Self { app: Box::new(ask), cookie: String::new(), folder }
    }

    pub(crate) async fn ask(&mut self, request: TestRequest) -> Page {
        let request = request.insert_header((header::COOKIE, self.cookie.clone()));
        let response = (self.app)(request).await;
        if let Some(cookie) = response.headers().get(header::SET_COOKIE) {
            self.cookie = cookie.to_str().unwrap().split(';').next().unwrap().to_owned();
        }
        assert!(response.headers().contains_key(header::CONTENT_SECURITY_POLICY));
        let status = response.status();
        let location = response.headers().get(header::LOCATION).map(|to| to.to_str().unwrap().to_owned());
        let text = String::from_utf8(read_body(response).await.to_vec()).unwrap();
        Page { status, location: location.unwrap_or_default(), text }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Page {
        self.ask(TestRequest::get().uri(path)).await
    }

    /// Sends a form of the page at `from`, with its hidden fields.
    pub(crate) async fn send(&mut self, from: &str, to: &str, fields: &[(&str, &str)]) -> Page {
        let page = self.get(from).await;
        let mut form = form_urlencoded::Serializer::new(String::new());
        for hidden in ["csrf", "request_key"] {
            if let Some(value) = hidden_field(&page.text, hidden) {
                form.append_pair(hidden, value);
            }
        }
        form.extend_pairs(fields);
        self.post(to, form.finish()).await
    }

    pub(crate) async fn post(&mut self, to: &str, body: String) -> Page {
        let kind = (header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.ask(TestRequest::post().uri(to).insert_header(kind).set_payload(body)).await
    }

    /// Keeps a page to be looked at.
    pub(crate) fn keep(&self, name: &str, page: &Page) {
        let mut text = page.text.clone();
        while let Some(at) = text.find("/admin/assets/") {
            let end = at + "/admin/assets/".len() + 13;
            text.replace_range(at..end, "");
        }
        fs::write(self.folder.join(format!("{name}.html")), text).unwrap();
    }

    pub(crate) async fn look(&mut self, name: &str, path: &str) -> Page {
        let page = self.get(path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        self.keep(name, &page);
        page
    }
}

/// The value of a hidden field.
pub(crate) fn hidden_field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let start = format!("name=\"{name}\" value=\"");
    let (_, rest) = text.split_once(&start)?;
    Some(rest.split_once('"')?.0)
}

/// An empty store, and where pages are left to be looked at.
pub(crate) async fn world() -> (Store, tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("scim.db").display());
    let store = Store::open(&url.parse().unwrap()).unwrap();
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let preview = root.join("../target/console-preview");
    fs::create_dir_all(&preview).unwrap();
    for asset in ["console.css", "console.js", "mark.svg"] {
        fs::copy(root.join("assets").join(asset), preview.join(asset)).unwrap();
    }
    (store, folder, preview)
}

/// A console over it whose clock says `now`.
pub(crate) fn console(store: &Store, now: i64) -> Console {
    let clock = Clock(Arc::new(move || now));
    let deliverer = Deliverer::new(store.clone(), clock.0.clone());
    let outward = (Sender::new(false), deliverer);
    Console::new(store.clone(), PublicUrl::new("https://scim.example.com/"), clock, true, outward)
}
