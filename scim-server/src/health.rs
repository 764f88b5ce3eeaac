//! Is the process alive, and can it work? For load balancers; tells nothing else.

use actix_web::{HttpResponse, web};
use endpoint_store::Store;

/// Mounts `/healthz` and `/readyz`.
pub(crate) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.route("/healthz", web::get().to(alive)).route("/readyz", web::get().to(ready));
}

async fn alive() -> HttpResponse {
    text(HttpResponse::Ok(), "ok\n")
}

/// 200 when the database answers and is migrated, else 503.
async fn ready(store: web::Data<Store>) -> HttpResponse {
    match store.ready().await {
        Ok(()) => text(HttpResponse::Ok(), "ready\n"),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            text(HttpResponse::ServiceUnavailable(), "the database does not answer\n")
        }
    }
}

fn text(mut response: actix_web::HttpResponseBuilder, body: &'static str) -> HttpResponse {
    response.content_type("text/plain; charset=utf-8").insert_header(("Cache-Control", "no-store")).body(body)
}
