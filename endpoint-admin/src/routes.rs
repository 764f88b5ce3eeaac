//! Every page of the console, on one screen. The handlers are registered from this table and from
//! nothing else, so a page that is not listed does not exist.

use actix_web::{
    HttpResponse,
    guard::{self, Guard, GuardContext},
    http::{Method as HttpMethod, header::ALLOW},
    middleware::from_fn,
    web::{self, PayloadConfig, ServiceConfig},
};

use endpoint_store::operators::Act;

use crate::{
    assets,
    console::Console,
    dress::dress,
    forms::{FORM_LIMIT, SCHEMA_FORM},
    gate::{self, Rules},
    pages::{
        account, api_keys, audit, bin, connect, copies, evidence, files, group, groups, guest_links,
        guest_pages, networks, new_endpoint, operators, outside, overview, own_password, rotation, schema,
        second_factor, settings, sign_in_code, system, targets, tokens, user, users, webhook, webhooks,
    },
};

/// How a page is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Reads; HEAD is answered too.
    Get,
    /// Sends a form.
    Post,
}

impl Method {
    /// As in the request line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// Who may ask for a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Public,
    /// Whoever holds the one-use code in the path, of a set-up or of a guest's link.
    SetUp,
    /// Whoever is signed in; a POST also needs a role that may write.
    Session,
    /// The same, but asked for by a page by itself: it does not keep the session alive.
    Poll,
    /// Whoever is signed in, auditors too: it changes nothing but what is their own.
    SelfService,
    /// Whoever is signed in and may manage operators, also to read.
    People,
    /// Whoever is signed in and may see how the server itself is doing.
    System,
    /// Whoever opened a set-up link in this browser, for its endpoint.
    Guest,
}

impl Access {
    /// What a request with this access does, for the table of roles; `None` where nobody is signed in.
    pub fn act(self, method: Method) -> Option<Act> {
        match (self, method) {
            (Self::Public | Self::SetUp | Self::Guest, _) => None,
            (Self::Session, Method::Get) | (Self::Poll, _) => Some(Act::See),
            (Self::Session, Method::Post) => Some(Act::Work),
            (Self::SelfService, _) => Some(Act::Own),
            (Self::System, _) => Some(Act::System),
            (Self::People, _) => Some(Act::People),
        }
    }
}

/// One line of the table.
#[derive(Clone, Copy)]
pub struct Route {
    /// How.
    pub method: Method,
    /// Where; `{…}` stands for one segment.
    pub path: &'static str,
    /// Who.
    pub access: Access,
    /// Whether the password is asked for again, when it was last given a while ago.
    pub sensitive: bool,
    /// The most bytes of its form.
    limit: usize,
    handler: fn() -> actix_web::Route,
}

impl Route {
    /// The same with room for a larger form.
    const fn up_to(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// The most bytes of its form.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// The same, only for whoever gave the password lately.
    const fn sensitive(mut self) -> Self {
        self.sensitive = true;
        self
    }
}

impl std::fmt::Debug for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} ({:?})", self.method.as_str(), self.path, self.access)
    }
}

const fn get(path: &'static str, access: Access, handler: fn() -> actix_web::Route) -> Route {
    Route { method: Method::Get, path, access, sensitive: false, limit: FORM_LIMIT, handler }
}

const fn post(path: &'static str, access: Access, handler: fn() -> actix_web::Route) -> Route {
    Route { method: Method::Post, path, access, sensitive: false, limit: FORM_LIMIT, handler }
}

use Access::{Guest, People, Poll, Public, SelfService, Session, SetUp, System};

/// The table.
#[rustfmt::skip]
pub const ROUTES: &[Route] = &[
    get ("/", Public, || web::to(outside::home)),
    get ("/setup/{code}", SetUp, || web::to(outside::set_up)),
    post("/setup/{code}", SetUp, || web::to(outside::redeem)),
    get ("/guest/open/{code}", SetUp, || web::to(guest_pages::door)),
    post("/guest/open/{code}", SetUp, || web::to(guest_pages::open)),
    get ("/guest/", Guest, || web::to(guest_pages::show)),
    get ("/guest/progress", Guest, || web::to(guest_pages::progress)),
    post("/guest/token", Guest, || web::to(guest_pages::issue)),
    get ("/admin", Public, || web::to(outside::home)),
    get ("/admin/assets/{hash}/{file}", Public, || web::to(assets::serve)),
    get ("/admin/sign-in", Public, || web::to(outside::sign_in)),
    post("/admin/sign-in", Public, || web::to(outside::enter)),
    post("/admin/sign-in/code", Public, || web::to(sign_in_code::enter)),
    post("/admin/sign-out", SelfService, || web::to(account::sign_out)),
    post("/admin/sign-out-everywhere", SelfService, || web::to(account::sign_out_everywhere)),
    post("/admin/sessions/end", SelfService, || web::to(account::end_session)),
    post("/admin/theme", SelfService, || web::to(account::theme)),
    get ("/admin/account", Session, || web::to(account::show)),
    post("/admin/account/keys", SelfService, || web::to(api_keys::issue)).sensitive(),
    post("/admin/account/keys/revoke", SelfService, || web::to(api_keys::revoke)),
    post("/admin/account/second-factor/begin", SelfService, || web::to(second_factor::begin)).sensitive(),
    post("/admin/account/second-factor/confirm", SelfService, || web::to(second_factor::confirm)),
    post("/admin/account/second-factor/codes", SelfService, || web::to(second_factor::codes)).sensitive(),
    post("/admin/account/second-factor/remove", SelfService, || web::to(second_factor::remove)).sensitive(),
    post("/admin/account/password", SelfService, || web::to(own_password::change)),
    get ("/admin/operators", People, || web::to(operators::list)),
    post("/admin/operators", People, || web::to(operators::invite)).sensitive(),
    get ("/admin/operators/{operator}", People, || web::to(operators::show)),
    post("/admin/operators/{operator}/role", People, || web::to(operators::set_role)).sensitive(),
    post("/admin/operators/{operator}/tenants", People, || web::to(operators::set_tenants)).sensitive(),
    post("/admin/operators/{operator}/disable", People, || web::to(operators::disable)).sensitive(),
    post("/admin/operators/{operator}/enable", People, || web::to(operators::enable)).sensitive(),
    post("/admin/operators/{operator}/reset", People, || web::to(operators::reset)).sensitive(),
    post("/admin/operators/{operator}/reset-second-factor", People, || web::to(operators::reset_second_factor)).sensitive(),
    post("/admin/operators/{operator}/sign-out", People, || web::to(operators::sign_out)).sensitive(),
    get ("/admin/", Session, || web::to(overview::show)),
    get ("/admin/system", System, || web::to(system::show)),
    get ("/admin/files/operators", People, || web::to(files::operators)),
    get ("/admin/files/bin", Session, || web::to(files::bin)),
    get ("/admin/audit", Session, || web::to(audit::show)),
    get ("/admin/audit/file", Session, || web::to(audit::file)),
    get ("/admin/endpoints/new", Session, || web::to(new_endpoint::show)),
    post("/admin/endpoints/new", Session, || web::to(new_endpoint::create)).sensitive(),
    post("/admin/endpoints/import", Session, || web::to(copies::import)).up_to(SCHEMA_FORM).sensitive(),
    get ("/admin/bin", Session, || web::to(bin::show)),
    post("/admin/bin/undelete", Session, || web::to(bin::undelete)),
    get ("/admin/endpoints/{slug}", Session, || web::to(connect::door)),
    get ("/admin/endpoints/{slug}/connect", Session, || web::to(connect::show)),
    get ("/admin/endpoints/{slug}/connect/progress", Poll, || web::to(connect::progress)),
    get ("/admin/endpoints/{slug}/guest-links", Session, || web::to(guest_links::list)),
    post("/admin/endpoints/{slug}/guest-links", Session, || web::to(guest_links::create)).sensitive(),
    post("/admin/endpoints/{slug}/guest-links/{guest}/revoke", Session, || web::to(guest_links::revoke)),
    get ("/admin/endpoints/{slug}/tokens", Session, || web::to(tokens::list)),
    post("/admin/endpoints/{slug}/tokens", Session, || web::to(tokens::issue)).sensitive(),
    get ("/admin/endpoints/{slug}/tokens/{token}/revoke", Session, || web::to(tokens::ask)),
    post("/admin/endpoints/{slug}/tokens/{token}/revoke", Session, || web::to(tokens::revoke)).sensitive(),
    get ("/admin/endpoints/{slug}/tokens/{token}/networks", Session, || web::to(networks::show)),
    post("/admin/endpoints/{slug}/tokens/{token}/networks", Session, || web::to(networks::save)).sensitive(),
    get ("/admin/endpoints/{slug}/tokens/{token}/rotate", Session, || web::to(rotation::show)),
    post("/admin/endpoints/{slug}/tokens/{token}/rotate", Session, || web::to(rotation::rotate)).sensitive(),
    get ("/admin/endpoints/{slug}/tokens/{token}/rotate/progress", Poll, || web::to(rotation::progress)),
    post("/admin/endpoints/{slug}/tokens/{token}/retire", Session, || web::to(rotation::retire)).sensitive(),
    post("/admin/endpoints/{slug}/tokens/{token}/cancel-rotation", Session, || web::to(rotation::cancel)),
    post("/admin/endpoints/{slug}/tokens/{token}/unretire", Session, || web::to(rotation::unretire)),
    get ("/admin/endpoints/{slug}/users", Session, || web::to(users::list)),
    get ("/admin/endpoints/{slug}/users/{id}", Session, || web::to(user::show)),
    get ("/admin/endpoints/{slug}/groups", Session, || web::to(groups::list)),
    post("/admin/endpoints/{slug}/groups", Session, || web::to(groups::create)),
    get ("/admin/endpoints/{slug}/groups/{id}", Session, || web::to(group::show)),
    post("/admin/endpoints/{slug}/groups/{id}/rename", Session, || web::to(group::rename)),
    post("/admin/endpoints/{slug}/groups/{id}/members", Session, || web::to(group::add)),
    post("/admin/endpoints/{slug}/groups/{id}/members/remove", Session, || web::to(group::remove)),
    get ("/admin/endpoints/{slug}/groups/{id}/delete", Session, || web::to(group::ask)),
    post("/admin/endpoints/{slug}/groups/{id}/delete", Session, || web::to(group::delete)),
    get ("/admin/endpoints/{slug}/files/users", Session, || web::to(files::users)),
    get ("/admin/endpoints/{slug}/files/groups", Session, || web::to(files::groups)),
    get ("/admin/endpoints/{slug}/files/groups/{id}", Session, || web::to(files::members)),
    get ("/admin/endpoints/{slug}/files/tokens", Session, || web::to(files::tokens)),
    get ("/admin/endpoints/{slug}/files/targets", Session, || web::to(files::targets)),
    get ("/admin/endpoints/{slug}/files/webhooks/{webhook}", Session, || web::to(files::deliveries)),
    get ("/admin/endpoints/{slug}/targets", Session, || web::to(targets::show)),
    post("/admin/endpoints/{slug}/targets", Session, || web::to(targets::add)).sensitive(),
    post("/admin/endpoints/{slug}/targets/{target}/import", Session, || web::to(targets::import)),
    post("/admin/endpoints/{slug}/targets/{target}/reconcile", Session, || web::to(targets::reconcile)),
    post("/admin/endpoints/{slug}/targets/{target}/retry", Session, || web::to(targets::retry)),
    post("/admin/endpoints/{slug}/targets/{target}/remove", Session, || web::to(targets::remove)).sensitive(),
    get ("/admin/endpoints/{slug}/evidence", Session, || web::to(evidence::show)),
    get ("/admin/endpoints/{slug}/webhooks", Session, || web::to(webhooks::list)),
    post("/admin/endpoints/{slug}/webhooks", Session, || web::to(webhooks::add)).sensitive(),
    get ("/admin/endpoints/{slug}/webhooks/{webhook}", Session, || web::to(webhook::show)),
    post("/admin/endpoints/{slug}/webhooks/{webhook}", Session, || web::to(webhook::save)),
    post("/admin/endpoints/{slug}/webhooks/{webhook}/rotate", Session, || web::to(webhook::rotate)).sensitive(),
    post("/admin/endpoints/{slug}/webhooks/{webhook}/test", Session, || web::to(webhook::test)),
    post("/admin/endpoints/{slug}/webhooks/{webhook}/turn", Session, || web::to(webhook::turn)),
    post("/admin/endpoints/{slug}/webhooks/{webhook}/redeliver", Session, || web::to(webhook::redeliver)),
    post("/admin/endpoints/{slug}/webhooks/{webhook}/remove", Session, || web::to(webhook::remove)),
    get ("/admin/endpoints/{slug}/schema", Session, || web::to(schema::show)),
    post("/admin/endpoints/{slug}/schema", Session, || web::to(schema::save)).up_to(SCHEMA_FORM),
    get ("/admin/endpoints/{slug}/settings", Session, || web::to(settings::show)),
    post("/admin/endpoints/{slug}/settings", Session, || web::to(settings::save)),
    post("/admin/endpoints/{slug}/idp", Session, || web::to(settings::change_idp)),
    post("/admin/endpoints/{slug}/rename", Session, || web::to(settings::rename)),
    post("/admin/endpoints/{slug}/status", Session, || web::to(settings::status)),
    get ("/admin/endpoints/{slug}/export", Session, || web::to(copies::export)),
    post("/admin/endpoints/{slug}/clone", Session, || web::to(copies::clone)).sensitive(),
    post("/admin/endpoints/{slug}/delete", Session, || web::to(settings::delete)).sensitive(),
];

/// Mounts the console: `/`, `/setup/…`, `/admin/…` and `/guest/…`.
pub fn configure(cfg: &mut ServiceConfig, console: Console) {
    cfg.app_data(console);
    cfg.service(resource("/", "/").wrap(from_fn(dress)));
    mount(cfg, &["/setup", "/admin", "/guest"]);
}

/// Mounts `/guest/…` alone, with the style of its pages, where the console itself is not to be reached: guests come from
/// outside.
pub fn configure_guests(cfg: &mut ServiceConfig, console: Console) {
    cfg.app_data(console);
    mount(cfg, &["/guest"]);
    const ASSETS: &str = "/admin/assets/{hash}/{file}";
    cfg.service(resource(ASSETS, ASSETS).wrap(from_fn(dress)));
}

fn mount(cfg: &mut ServiceConfig, prefixes: &[&'static str]) {
    for prefix in prefixes.iter().copied() {
        let mut scope = web::scope(prefix).default_service(web::to(outside::nothing_here));
        for path in paths().filter(|path| path.starts_with(prefix)) {
            scope = scope.service(resource(path, path.strip_prefix(prefix).unwrap_or(path)));
        }
        cfg.service(scope.wrap(from_fn(dress)));
    }
}

/// Each path of the table once, in its order: the first that matches answers.
fn paths() -> impl Iterator<Item = &'static str> {
    let first = |at: usize, path: &str| ROUTES.iter().position(|route| route.path == path) == Some(at);
    ROUTES.iter().enumerate().filter(move |(at, route)| first(*at, route.path)).map(|(_, route)| route.path)
}

/// All that the table has at one path, each behind the gate; any other method is told which there are.
fn resource(path: &'static str, below: &str) -> actix_web::Resource {
    let room = ROUTES.iter().filter(|route| route.path == path).map(|route| route.limit).max();
    let mut resource = web::resource(below).app_data(PayloadConfig::new(room.unwrap_or(FORM_LIMIT)));
    let mut allowed: Vec<&str> = Vec::new();
    for route in ROUTES.iter().filter(|route| route.path == path) {
        let (rules, method) = (Rules::of(route), route.method);
        resource = resource.route(
            (route.handler)()
                .guard(Asks(method))
                .wrap(from_fn(move |request, next| gate::pass(rules, request, next))),
        );
        allowed.push(method.as_str());
    }
    let allow = allowed.join(", ");
    resource.default_service(web::to(move || {
        let answer = HttpResponse::MethodNotAllowed().insert_header((ALLOW, allow.clone())).finish();
        async move { answer }
    }))
}

/// Guards one line of the table.
struct Asks(Method);

impl Guard for Asks {
    fn check(&self, context: &GuardContext<'_>) -> bool {
        match self.0 {
            Method::Get => {
                guard::Method(HttpMethod::GET).check(context)
                    || guard::Method(HttpMethod::HEAD).check(context)
            }
            Method::Post => guard::Method(HttpMethod::POST).check(context),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Access, Method, ROUTES};

    #[test]
    fn no_line_is_listed_twice() {
        let lines: BTreeSet<_> = ROUTES.iter().map(|route| (route.method.as_str(), route.path)).collect();
        assert_eq!(lines.len(), ROUTES.len());
    }

    #[test]
    fn only_the_door_is_open() {
        let open: Vec<_> = ROUTES
            .iter()
            .filter(|route| matches!(route.access, Access::Public | Access::SetUp))
            .map(|route| route.path)
            .collect();
        assert_eq!(
            open,
            [
                "/",
                "/setup/{code}",
                "/setup/{code}",
                "/guest/open/{code}",
                "/guest/open/{code}",
                "/admin",
                "/admin/assets/{hash}/{file}",
                "/admin/sign-in",
                "/admin/sign-in",
                "/admin/sign-in/code"
            ]
        );
    }

    #[test]
    fn a_page_that_polls_only_reads() {
        assert!(ROUTES.iter().filter(|r| r.access == Access::Poll).all(|r| r.method == Method::Get));
    }
}
