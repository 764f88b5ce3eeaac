//! stub
use std::sync::Arc;
use actix_web::web;
/// c
#[derive(Clone)]
pub struct Clock(pub Arc<dyn Fn() -> i64 + Send + Sync>);
impl Clock { 
/// n
pub fn now(&self) -> i64 { (self.0)() } }
/// u
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl(Arc<str>);
impl PublicUrl {
    /// n
    pub fn new(url: &str) -> Self { Self(url.trim().trim_end_matches('/').into()) }
    /// As text.
    pub fn as_str(&self) -> &str { &self.0 }
    /// h
    pub fn is_https(&self) -> bool { self.0.starts_with("https://") }
    /// b
    pub fn scim_base(&self, slug: &str) -> String { format!("{}/scim/{slug}/v2", self.0) }
}
/// r
#[derive(Clone, Debug)]
pub struct RequestId(pub String);
/// c
#[derive(Clone)]
pub struct Console;
impl Console {
    /// n
    pub fn new(_: endpoint_store::Store, _: PublicUrl, _: Clock, _: bool) -> Self { Self }
}
/// c
pub fn configure(_: &mut web::ServiceConfig, _: Console) {}
