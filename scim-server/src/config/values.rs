//! Values as they are written: in a flag, in the environment, or in the file.

use std::net::SocketAddr;

use clap::ValueEnum as _;

use super::{LogFormat, MAX_CONNECTIONS, MAX_RATE, Rate};

pub(super) fn text(text: &str) -> Result<String, String> {
    Ok(text.to_owned())
}

pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        format!("`{text}` is no address; write IP:PORT, for example 127.0.0.1:8080 or [::]:8080")
    })
}

pub(super) fn rate(text: &str) -> Result<Rate, String> {
    if text == "unlimited" {
        return Ok(Rate(None));
    }
    let number = text.parse().ok().filter(|n| (1..=MAX_RATE).contains(n));
    number.map(|n| Rate(Some(n))).ok_or_else(|| {
        format!("`{text}` is no rate; write whole requests per second from 1 to {MAX_RATE}, or `unlimited`")
    })
}

pub(super) fn boolean(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| format!("`{text}` is neither `true` nor `false`"))
}

pub(super) fn connections(text: &str) -> Result<u32, String> {
    let number = text.parse().ok().filter(|n| (2..=MAX_CONNECTIONS).contains(n));
    number.ok_or_else(|| {
        format!("`{text}` is no number of connections; write a whole number from 2 to {MAX_CONNECTIONS}")
    })
}

pub(super) fn log_format(text: &str) -> Result<LogFormat, String> {
    LogFormat::from_str(text, false).map_err(|_| format!("`{text}` is no log format; it is `text` or `json`"))
}

pub(super) fn public_url(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let rest =
        rest.ok_or("a public URL begins with http:// or https://, for example https://scim.example.com")?;
    if rest.ends_with('/') {
        return Err(format!("the public URL has no slash at the end: {}", text.trim_end_matches('/')));
    }
    if rest.is_empty()
        || rest.starts_with('/')
        || rest.contains(|c: char| " ?#@\\".contains(c) || c.is_control())
    {
        return Err("a public URL is a scheme, a host and perhaps a port and a path, \
                    for example https://scim.example.com"
            .into());
    }
    Ok(text.to_owned())
}
