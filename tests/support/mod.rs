//! What the tests stand on: databases, a server of their own, clients, a browser.

pub(crate) mod app;
pub(crate) mod backend;
pub(crate) mod browser;
pub(crate) mod cluster;
pub(crate) mod console;
pub(crate) mod furniture;
pub(crate) mod html;
pub(crate) mod http;
pub(crate) mod postgres;
pub(crate) mod program;
pub(crate) mod receiver;
pub(crate) mod replica;
pub(crate) mod scim;
pub(crate) mod sql;
pub(crate) mod totp;
pub(crate) mod vault;

/// Writes one test body for both backends: `both! { async fn name(app: &App) { … } }` gives `name::sqlite` and
/// `name::postgres`, each with a fresh furnished database and a server of its own.
macro_rules! both {
    ($($(#[$attribute:meta])* async fn $name:ident($app:ident: &App) $body:block)+) => {$(
        $(#[$attribute])*
        mod $name {
            use super::*;
            use $crate::support::{app::App, backend::Backend};

            async fn body($app: &App) $body

            #[tokio::test]
            async fn sqlite() {
                if let Some(app) = App::furnished(Backend::Sqlite).await {
                    body(&app).await;
                    app.stop().await;
                }
            }

            #[tokio::test]
            async fn postgres() {
                if let Some(app) = App::furnished(Backend::Postgres).await {
                    body(&app).await;
                    app.stop().await;
                }
            }
        }
    )+};
}
pub(crate) use both;
