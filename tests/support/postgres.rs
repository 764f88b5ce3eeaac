//! PostgreSQL for tests: the server named by `TEST_POSTGRES_URL`, else a throw-away cluster from installed binaries.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, PgConnection, QueryableByName, RunQueryDsl as _};

use crate::support::program::free_port;

/// After this long a cluster that does not answer counts as broken.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server on which databases may be created.
pub(crate) struct Server {
    /// URL without the name of a database, ending in `/`.
    prefix: String,
    /// What follows the name (`?sslmode=…`).
    suffix: String,
    /// Database to connect to for making others.
    maintenance: String,
}

/// The server of this run, or why there is none.
pub(crate) fn server() -> Result<&'static Server, &'static str> {
    static SERVER: OnceLock<Result<Server, String>> = OnceLock::new();
    SERVER.get_or_init(find).as_ref().map_err(String::as_str)
}

fn find() -> Result<Server, String> {
    if let Some(url) = std::env::var("TEST_POSTGRES_URL").ok().filter(|url| !url.is_empty()) {
        return Server::from_url(&url);
    }
    let binaries = binaries().ok_or(
        "no PostgreSQL: set TEST_POSTGRES_URL to a server where databases may be created, or install the binaries \
         (apt-get install postgresql)",
    )?;
    start_cluster(&binaries)
}

/// The newest installed version, as Debian lays it out, else what is on the PATH.
pub(crate) fn binaries() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let debian = versions.map(|version| version.path().join("bin"));
    let on_path = std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
    let mut found: Vec<_> = debian.filter(|folder| folder.join("initdb").exists()).collect();
    found.sort();
    found.pop().or_else(|| on_path?.into_iter().find(|folder| folder.join("initdb").exists()))
}

/// A cluster that lives as long as this process. A shell holds it: when the pipe to its stdin closes, for whatever
/// reason this process ended, it stops the server and removes the files.
fn start_cluster(binaries: &Path) -> Result<Server, String> {
    const SCRIPT: &str = r#"
        trap '' INT TERM
        "$@" >"$CLUSTER/log" 2>&1 &
        server=$!
        cat >/dev/null
        kill -INT $server
        wait $server
        rm -rf "$CLUSTER"
    "#;
    let user = unprivileged_user();
    let folder = tempfile::Builder::new()
        .prefix("scim-postgres-")
        .tempdir()
        .map_err(|error| error.to_string())?
        .keep();
    if let Some(user) = &user {
        run(Command::new("chown").arg(user).arg(&folder))?;
    }
    let data = folder.join("data");
    let mut initdb = as_user(user.as_deref(), &binaries.join("initdb"));
    run(initdb
        .args(["-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-locale", "--no-sync", "-D"])
        .arg(&data))?;

    let port = free_port();
    let server = as_user(user.as_deref(), &binaries.join("postgres"));
    let mut shell = Command::new("sh");
    shell.args(["-c", SCRIPT, "sh"]).arg(server.get_program()).args(server.get_args()).arg("-D").arg(&data);
    // Durability is worth nothing here: the cluster dies with the tests.
    let settings = ["fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=300"];
    let place =
        [format!("port={port}"), "listen_addresses=127.0.0.1".into(), "unix_socket_directories=".into()];
    for setting in settings.into_iter().map(str::to_owned).chain(place) {
        shell.arg("-c").arg(setting);
    }
    let child = shell.env("CLUSTER", &folder).current_dir("/").stdin(Stdio::piped()).spawn();
    let child = child.map_err(|error| format!("cannot start PostgreSQL: {error}"))?;
    // The pipe must stay open to the very end, so its owner is never dropped.
    std::mem::forget(child);

    let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
    let begun = Instant::now();
    while let Err(error) = PgConnection::establish(&url) {
        if begun.elapsed() > PATIENCE {
            let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
            return Err(format!("PostgreSQL does not answer: {error}\n{log}"));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Server::from_url(&url)
}

/// PostgreSQL refuses to run as root; then another user must run it.
pub(crate) fn unprivileged_user() -> Option<String> {
    let output = Command::new("id").arg("-u").output().ok()?;
    if output.stdout.trim_ascii() != b"0" {
        return None;
    }
    let exists =
        |user: &&str| Command::new("id").arg(user).output().is_ok_and(|output| output.status.success());
    ["postgres", "nobody"].iter().find(|user| exists(user)).map(|user| (*user).to_owned())
}

pub(crate) fn as_user(user: Option<&str>, program: &Path) -> Command {
    let Some(user) = user else { return Command::new(program) };
    let mut command = Command::new("setpriv");
    command.arg(format!("--reuid={user}")).arg("--regid=nogroup").arg("--clear-groups").arg(program);
    // The folder of the tests need not be readable for that user.
    command.current_dir("/");
    command
}

pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)))
}

impl Server {
    /// `postgres://user@host:port/database?options`
    pub(crate) fn from_url(url: &str) -> Result<Self, String> {
        let (main, suffix) = match url.split_once('?') {
            Some((main, options)) => (main, format!("?{options}")),
            None => (url, String::new()),
        };
        let (prefix, database) = main
            .rsplit_once('/')
            .filter(|(prefix, _)| prefix.contains("://") && !prefix.ends_with('/'))
            .ok_or("TEST_POSTGRES_URL must name a database: postgres://user@host/postgres")?;
        let server = Self { prefix: format!("{prefix}/"), suffix, maintenance: database.to_owned() };
        server.connect(database).map(|_| server)
    }

    /// The URL of a database on this server.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("{}{database}{}", self.prefix, self.suffix)
    }

    fn connect(&self, database: &str) -> Result<PgConnection, String> {
        PgConnection::establish(&self.url(database))
            .map_err(|error| format!("cannot connect to PostgreSQL: {error}"))
    }

    fn execute(&self, database: &str, sql: &str) {
        let outcome = self.connect(database).and_then(|mut connection| {
            connection.batch_execute(sql).map_err(|error| format!("{sql}: {error}"))
        });
        outcome.unwrap_or_else(|error| panic!("{error}"));
    }

    /// Makes a database, empty or as a copy, and gives its name back.
    pub(crate) fn create(&self, template: Option<&str>) -> String {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let name = format!("scim_test_{}_{number}", std::process::id());
        let template = template.unwrap_or("template0");
        self.execute(&self.maintenance, &format!("CREATE DATABASE {name} TEMPLATE {template}"));
        name
    }

    /// Makes an empty database of this name.
    pub(crate) fn make(&self, name: &str) {
        self.execute(&self.maintenance, &format!("CREATE DATABASE {name} TEMPLATE template0"));
    }

    /// Breaks off every connection to a database.
    pub(crate) fn break_connections(&self, name: &str) {
        self.execute(
            &self.maintenance,
            &format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"),
        );
    }

    pub(crate) fn drop(&self, name: &str) {
        self.execute(&self.maintenance, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
    }

    /// Every row of every table of a database as text.
    pub(crate) fn dump(&self, database: &str) -> Vec<(String, Vec<u8>)> {
        #[derive(QueryableByName)]
        struct Line {
            #[diesel(sql_type = diesel::sql_types::Text)]
            line: String,
        }
        let mut connection = self.connect(database).unwrap_or_else(|error| panic!("{error}"));
        let mut lines = |sql: &str| -> Vec<String> {
            let rows = diesel::sql_query(sql).load::<Line>(&mut connection);
            rows.unwrap_or_else(|error| panic!("{sql}: {error}")).into_iter().map(|row| row.line).collect()
        };
        let tables = lines("SELECT tablename::text AS line FROM pg_tables WHERE schemaname = 'public'");
        assert!(!tables.is_empty(), "a migrated database has tables");
        tables
            .into_iter()
            .map(|table| {
                let rows = lines(&format!("SELECT t::text AS line FROM \"{table}\" t"));
                (table, rows.join("\n").into_bytes())
            })
            .collect()
    }
}
