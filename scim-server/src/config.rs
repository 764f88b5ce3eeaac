//! How the server is set up: flag, then environment, then file, then default.
//!
//! One name serves all three: the flag `--public-url` is `SCIM_PUBLIC_URL` in the environment and `public_url`
//! in the file. An environment variable that is empty counts as not set.

mod values;

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use endpoint_admin::Clock;
use endpoint_store::DatabaseUrl;
use endpoint_store::sealed::KeySource;
use serde::Deserialize;

use crate::proxies::Proxies;
use values::{address, boolean, connections, log_format, public_url, rate, text};

const FILE: &str = "scim-server.toml";
const DATABASE: &str = "sqlite:data/scim.db";
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
const RATE: u32 = 50;
const FAILED_RATE: u32 = 10;
const MAX_RATE: u32 = 100_000;
const MAX_CONNECTIONS: u32 = 1000;
const LOG: &str = "info";
const EVERY: &str = "Options of every command";

/// Everything the server needs to know before it starts.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where everything is kept.
    pub database: DatabaseUrl,
    /// Where SCIM answers, and the console unless it has an address of its own.
    pub listen: SocketAddr,
    /// Where the console answers, if apart from SCIM.
    pub console_listen: Option<SocketAddr>,
    /// Prefix of every URL that is handed out; `None` derives it from the bound address.
    pub public_url: Option<String>,
    /// Certificate and key; `None` serves plain HTTP.
    pub tls: Option<Tls>,
    /// Proxies that are believed when they say where a request comes from.
    pub trusted_proxies: Proxies,
    /// Requests per second and endpoint where the endpoint says nothing else; `None` is unlimited.
    pub rate: Option<u32>,
    /// Requests per second with a wrong credential that one address may send; `None` is unlimited.
    pub failed_rate: Option<u32>,
    /// Connections to the database for reading and writing together.
    pub connections: u32,
    /// Where the keys come from for secrets that must be read again.
    pub keys: KeySource,
    /// Whether webhooks may go to networks that are not public, and without encryption.
    pub webhook_allow_private: bool,
    /// The collector of traces (OTLP over HTTP), if there is one.
    pub otlp: Option<String>,
    /// Which log lines are written.
    pub log: String,
    /// How they are written.
    pub log_format: LogFormat,
    /// Where the time comes from.
    pub clock: Clock,
}

/// Files for serving TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// PEM chain, the server's own certificate first.
    pub cert: PathBuf,
    /// PEM private key.
    pub key: PathBuf,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One line of text each.
    Text,
    /// One JSON object per line.
    Json,
}

/// Options that every command takes.
#[derive(Debug, Clone, Default, Args)]
pub struct Common {
    /// Where everything is kept: sqlite:PATH (its folder is made if missing) or postgres://USER@HOST/NAME
    ///
    /// [default: sqlite:data/scim.db] [env: SCIM_DATABASE] [file: database]
    // Read by `Config::load`, not by clap: clap repeats a wrong value, and this one may hold a password.
    #[arg(long, global = true, help_heading = EVERY, value_name = "URL")]
    pub database: Option<String>,
    /// Settings file in TOML; an unknown key in it is an error
    ///
    /// [default: scim-server.toml in the working directory, if there is one] [env: SCIM_CONFIG]
    #[arg(long, global = true, help_heading = EVERY, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Prefix of every URL that is handed out; behind a proxy, what the identity provider sees
    ///
    /// http://… or https://…, without a slash at the end.
    ///
    /// [default: derived from --listen] [env: SCIM_PUBLIC_URL] [file: public_url]
    #[arg(long, global = true, help_heading = EVERY, value_name = "URL", value_parser = public_url)]
    pub public_url: Option<String>,
    /// File with the keys for secrets that must be read again: passwords of targets, secrets of webhooks
    ///
    /// One key a line, 32 random bytes as base64 or hexadecimal (`openssl rand -base64 32`). The first one seals, all of
    /// them open. Instead of a file SCIM_KEY can hold the keys themselves. With PostgreSQL it must be set before such a
    /// secret can be stored, to the same keys on every server.
    ///
    /// [default: with SQLite a file .key beside the database, made at first need] [env: SCIM_KEY_FILE] [file: key_file]
    #[arg(long, global = true, help_heading = EVERY, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
}

/// Options of `serve`.
#[derive(Debug, Clone, Default, Args)]
pub struct ServeFlags {
    /// Address and port for SCIM, and for the console unless --console-listen is given
    ///
    /// [default: 127.0.0.1:8080] [env: SCIM_LISTEN] [file: listen]
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub listen: Option<SocketAddr>,
    /// Address and port for the console alone, so that it can stay inside
    ///
    /// [default: the same as --listen] [env: SCIM_CONSOLE_LISTEN] [file: console_listen]
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub console_listen: Option<SocketAddr>,
    /// Certificate chain in PEM, the server's own first; needs --tls-key
    ///
    /// [default: none, plain HTTP] [env: SCIM_TLS_CERT] [file: tls_cert]
    #[arg(long, value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,
    /// Private key of the certificate in PEM; needs --tls-cert
    ///
    /// [default: none, plain HTTP] [env: SCIM_TLS_KEY] [file: tls_key]
    #[arg(long, value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
    /// Proxies that are believed when they say, in X-Forwarded-For or Forwarded, where a request comes from
    ///
    /// Addresses and networks with commas between them, for example 10.0.0.0/8,192.0.2.7. Anybody else's headers are
    /// ignored: without this, everything behind a proxy has the proxy's address.
    ///
    /// [default: none] [env: SCIM_TRUSTED_PROXIES] [file: trusted_proxies]
    #[arg(long, value_name = "CIDR,…", value_parser = Proxies::parse)]
    pub trusted_proxies: Option<Proxies>,
    /// Requests per second that each endpoint may send, or `unlimited`; the burst is four times as many
    ///
    /// `endpoint set E rate=…` sets it for one endpoint.
    ///
    /// [default: 50] [env: SCIM_RATE] [file: rate]
    #[arg(long, value_name = "N", value_parser = rate)]
    pub rate: Option<Rate>,
    /// Requests per second with a wrong credential that are judged from one address, or `unlimited`; the burst is ten times as many
    ///
    /// Beyond it the address is told to wait for 10 seconds (429), except for credentials that were good from there.
    ///
    /// [default: 10] [env: SCIM_FAILED_RATE] [file: failed_rate]
    #[arg(long, value_name = "N", value_parser = rate)]
    pub failed_rate: Option<Rate>,
    /// Connections to the database that this server may hold: half of them read, half write; one more watches
    ///
    /// For PostgreSQL: the sum over all servers, and a few for the command line, must fit its max_connections. SQLite
    /// has one writer whatever the number.
    ///
    /// [default: 16] [env: SCIM_DATABASE_CONNECTIONS] [file: database_connections]
    #[arg(long, value_name = "N", value_parser = connections)]
    pub database_connections: Option<u32>,
    /// Whether webhooks may go to loopback, link-local and private addresses, and to http://
    ///
    /// Whoever may add a webhook makes this server send requests there: only where that is a network of your own.
    ///
    /// [default: false] [env: SCIM_WEBHOOK_ALLOW_PRIVATE] [file: webhook_allow_private]
    #[arg(long, value_name = "BOOL", value_parser = boolean, num_args = 0..=1, default_missing_value = "true")]
    pub webhook_allow_private: Option<bool>,
    /// Collector that takes traces by OTLP over HTTP: one span per request, without headers and bodies
    ///
    /// http://… or https://…, without /v1/traces. OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG say which are sent.
    ///
    /// [default: none] [env: SCIM_OTLP] [file: otlp]
    #[arg(long, value_name = "URL", value_parser = public_url)]
    pub otlp: Option<String>,
    /// Which log lines are written to stderr: a level, or a filter such as `info,scim_server=debug`
    ///
    /// Levels are error, warn, info, debug, trace, off.
    ///
    /// [default: info] [env: SCIM_LOG] [file: log]
    #[arg(long, value_name = "FILTER")]
    pub log: Option<String>,
    /// How log lines are written
    ///
    /// [default: text] [env: SCIM_LOG_FORMAT] [file: log_format]
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
}

/// What `serve --help` says about settings, beside the options themselves.
pub(crate) const HELP: &str = "\
Settings:
  Every option above can also be set in the environment (SCIM_…) or in the settings file. A flag wins over the
  environment, the environment over the file, the file over the default. An environment variable that is empty
  counts as not set; an unknown key in the file is an error. Relative paths start at the working directory.

  A complete scim-server.toml:
    database = \"sqlite:data/scim.db\"
    listen = \"127.0.0.1:8080\"
    console_listen = \"127.0.0.1:8081\"
    public_url = \"https://scim.example.com\"
    tls_cert = \"/etc/scim/cert.pem\"
    tls_key = \"/etc/scim/key.pem\"
    trusted_proxies = \"10.0.0.0/8\"
    rate = 50                             # or \"unlimited\"
    failed_rate = 10                      # or \"unlimited\"
    database_connections = 16
    webhook_allow_private = false
    otlp = \"http://127.0.0.1:4318\"
    key_file = \"/etc/scim/keys\"
    log = \"info\"
    log_format = \"json\"

Logs:
  Below `info`, only the program's own parts are logged, whatever the filter says: those of libraries could hold
  tokens.

Signals:
  SIGINT (Ctrl-C) and SIGTERM finish the requests under way, then stop; a second one stops at once.";

/// A request rate as it is written: a number, or `unlimited`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate(pub Option<u32>);

/// A setting that cannot be used. The sentence names where it was set.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0}")]
pub struct ConfigError(String);

/// The settings file. Values are text, as in the environment; numbers may be numbers.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    database: Option<String>,
    listen: Option<String>,
    console_listen: Option<String>,
    public_url: Option<String>,
    tls_cert: Option<String>,
    tls_key: Option<String>,
    trusted_proxies: Option<String>,
    rate: Option<NumberInFile>,
    failed_rate: Option<NumberInFile>,
    database_connections: Option<NumberInFile>,
    key_file: Option<String>,
    webhook_allow_private: Option<BooleanInFile>,
    otlp: Option<String>,
    log: Option<String>,
    log_format: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum BooleanInFile {
    Boolean(bool),
    Text(String),
}

impl From<BooleanInFile> for String {
    fn from(value: BooleanInFile) -> Self {
        match value {
            BooleanInFile::Boolean(value) => value.to_string(),
            BooleanInFile::Text(text) => text,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum NumberInFile {
    Number(i64),
    Text(String),
}

impl From<NumberInFile> for String {
    fn from(value: NumberInFile) -> Self {
        match value {
            NumberInFile::Number(number) => number.to_string(),
            NumberInFile::Text(text) => text,
        }
    }
}

/// How the environment is read; a parameter, so that tests have their own.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The environment of the process.
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The system's clock. Everything else is told the time.
#[expect(clippy::disallowed_methods, reason = "this is the one clock that the rest takes as a parameter")]
pub fn system_clock() -> Clock {
    Clock(Arc::new(|| jiff::Timestamp::now().as_millisecond()))
}

impl Config {
    /// Puts the layers together.
    ///
    /// # Errors
    /// [`ConfigError`] for a value that is wrong, with the place where it stands.
    pub fn load(common: &Common, flags: &ServeFlags, env: Environment<'_>) -> Result<Self, ConfigError> {
        let env = |name: &str| env(name).filter(|value| !value.is_empty());
        let chosen = common.config.clone().or_else(|| env("SCIM_CONFIG").map(PathBuf::from));
        let path = chosen.clone().unwrap_or_else(|| PathBuf::from(FILE));
        let file = File::read(&path, chosen.is_some())?;
        let from = Lower { env: &env, path: &path };
        let path_of = |text: &str| Ok(PathBuf::from(text));
        let cert = from.pick(flags.tls_cert.clone(), "TLS_CERT", file.tls_cert, path_of)?;
        let key = from.pick(flags.tls_key.clone(), "TLS_KEY", file.tls_key, path_of)?;
        Ok(Self {
            database: database(common, &from, file.database)?,
            listen: from.pick(flags.listen, "LISTEN", file.listen, address)?.unwrap_or(LISTEN),
            console_listen: from.pick(
                flags.console_listen,
                "CONSOLE_LISTEN",
                file.console_listen,
                address,
            )?,
            public_url: from.pick(common.public_url.clone(), "PUBLIC_URL", file.public_url, public_url)?,
            tls: tls(cert, key)?,
            trusted_proxies: from
                .pick(flags.trusted_proxies.clone(), "TRUSTED_PROXIES", file.trusted_proxies, Proxies::parse)?
                .unwrap_or_default(),
            rate: from
                .pick(flags.rate, "RATE", file.rate.map(String::from), rate)?
                .map_or(Some(RATE), |Rate(rate)| rate),
            failed_rate: from
                .pick(flags.failed_rate, "FAILED_RATE", file.failed_rate.map(String::from), rate)?
                .map_or(Some(FAILED_RATE), |Rate(rate)| rate),
            connections: from
                .pick(
                    flags.database_connections,
                    "DATABASE_CONNECTIONS",
                    file.database_connections.map(String::from),
                    connections,
                )?
                .unwrap_or(endpoint_store::CONNECTIONS),
            keys: keys(common, &from, file.key_file)?,
            webhook_allow_private: from
                .pick(
                    flags.webhook_allow_private,
                    "WEBHOOK_ALLOW_PRIVATE",
                    file.webhook_allow_private.map(String::from),
                    boolean,
                )?
                .unwrap_or(false),
            otlp: from.pick(flags.otlp.clone(), "OTLP", file.otlp, public_url)?,
            log: from.pick(flags.log.clone(), "LOG", file.log, text)?.unwrap_or_else(|| LOG.to_owned()),
            log_format: from
                .pick(flags.log_format, "LOG_FORMAT", file.log_format, log_format)?
                .unwrap_or(LogFormat::Text),
            clock: system_clock(),
        })
    }

    /// The prefix of every URL that is handed out, by a server that is bound to `address`.
    pub fn public_url_at(&self, address: SocketAddr) -> String {
        self.public_url.clone().unwrap_or_else(|| {
            let scheme = if self.tls.is_some() { "https" } else { "http" };
            format!("{scheme}://{}", reachable(address))
        })
    }

    /// The SCIM base URL of the endpoint with this slug, for a server with this configuration.
    pub fn base_url(&self, slug: &str) -> String {
        format!("{}/scim/{slug}/v2", self.public_url_at(self.listen))
    }
}

/// An address that a client on this machine can use: `0.0.0.0` is none.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// The layers below the flags.
struct Lower<'a> {
    env: &'a dyn Fn(&str) -> Option<String>,
    path: &'a Path,
}

impl Lower<'_> {
    /// The flag's value, else the environment's, else the file's.
    fn pick<T>(
        &self,
        flag: Option<T>,
        name: &str,
        file: Option<String>,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, ConfigError> {
        if flag.is_some() {
            return Ok(flag);
        }
        let variable = format!("SCIM_{name}");
        let (value, place) = match ((self.env)(&variable), file) {
            (Some(value), _) => (value, variable),
            (None, Some(value)) => {
                (value, format!("{} in {}", name.to_ascii_lowercase(), self.path.display()))
            }
            (None, None) => return Ok(None),
        };
        parse(&value).map(Some).map_err(|why| ConfigError(format!("{place}: {why}")))
    }
}

impl File {
    fn read(path: &Path, chosen: bool) -> Result<Self, ConfigError> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound && !chosen => return Ok(Self::default()),
            Err(error) => {
                return Err(ConfigError(format!(
                    "the settings file {} cannot be read: {}",
                    path.display(),
                    crate::cli::output::reason(&error)
                )));
            }
        };
        toml::from_str(&text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            ConfigError(format!("{}, line {line}: {}", path.display(), error.message().replace('\n', ", ")))
        })
    }
}

fn database(common: &Common, from: &Lower<'_>, file: Option<String>) -> Result<DatabaseUrl, ConfigError> {
    let flag = common.database.as_deref().map(str::parse).transpose();
    let flag = flag.map_err(|why| ConfigError(format!("--database: {why}")))?;
    match from.pick(flag, "DATABASE", file, str::parse)? {
        Some(url) => Ok(url),
        None => DATABASE.parse().map_err(ConfigError),
    }
}

/// `SCIM_KEY` stands beside `SCIM_KEY_FILE`: it holds the keys themselves, which a flag or the settings file would show.
fn keys(common: &Common, from: &Lower<'_>, file: Option<String>) -> Result<KeySource, ConfigError> {
    if let Some(path) = &common.key_file {
        return Ok(KeySource::File(path.clone()));
    }
    match ((from.env)("SCIM_KEY"), (from.env)("SCIM_KEY_FILE")) {
        (Some(_), Some(_)) => {
            Err(ConfigError("SCIM_KEY and SCIM_KEY_FILE are both set: leave one of them".into()))
        }
        (Some(text), None) => {
            KeySource::from_text(&text).map_err(|why| ConfigError(format!("SCIM_KEY: {why}")))
        }
        (None, Some(path)) => Ok(KeySource::File(path.into())),
        (None, None) => Ok(file.map_or(KeySource::Default, |path| KeySource::File(path.into()))),
    }
}

fn tls(cert: Option<PathBuf>, key: Option<PathBuf>) -> Result<Option<Tls>, ConfigError> {
    match (cert, key) {
        (Some(cert), Some(key)) => Ok(Some(Tls { cert, key })),
        (None, None) => Ok(None),
        (Some(_), None) => Err(ConfigError("TLS needs the key too: set --tls-key beside --tls-cert".into())),
        (None, Some(_)) => {
            Err(ConfigError("TLS needs the certificate too: set --tls-cert beside --tls-key".into()))
        }
    }
}

#[cfg(test)]
mod tests;
