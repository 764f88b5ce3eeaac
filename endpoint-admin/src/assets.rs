//! The style sheet, the script and the mark, embedded in the program.
//!
//! Their address carries a hash of the content, so that browsers keep them for a year and still
//! have the new ones right after an upgrade.

use std::{borrow::Cow, fmt::Write as _};

use actix_web::{
    HttpResponse,
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
    web,
};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::error::PageError;

#[derive(RustEmbed)]
#[folder = "assets/"]
struct Files;

fn hash(file: &EmbeddedFile) -> String {
    file.metadata.sha256_hash().iter().take(6).fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The address of an asset, for templates.
pub(crate) fn url(name: &str) -> String {
    let hash = Files::get(name).map_or_else(|| "missing".to_owned(), |file| hash(&file));
    format!("/admin/assets/{hash}/{name}")
}

/// Serves an asset. The address of another version is answered too, but not kept.
pub(crate) async fn serve(path: web::Path<(String, String)>) -> Result<HttpResponse, PageError> {
    let (wanted, name) = path.into_inner();
    let file = Files::get(&name).ok_or_else(|| PageError::not_found("There is no such file."))?;
    let kind = match name.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    };
    let keep = if wanted == hash(&file) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let body = match file.data {
        Cow::Borrowed(bytes) => web::Bytes::from_static(bytes),
        Cow::Owned(bytes) => web::Bytes::from(bytes),
    };
    Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, kind)).insert_header((CACHE_CONTROL, keep)).body(body))
}
