//! A PostgreSQL of a test's own, which it may stop and start. The one that all tests share must not be.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::support::postgres::{self, as_user, binaries, run, unprivileged_user};
use crate::support::program::free_port;

/// Removes the cluster when the pipe to its stdin closes, for whatever reason this process ended.
const GUARDIAN: &str = r#"
    trap '' INT TERM
    cat >/dev/null
    "$@" >/dev/null 2>&1
    rm -rf "$CLUSTER"
"#;

pub(crate) struct Cluster {
    binaries: PathBuf,
    user: Option<String>,
    folder: PathBuf,
    pub(crate) port: u16,
    guardian: Child,
}

impl Cluster {
    /// Makes and starts one; `None` where PostgreSQL is not installed and need not be.
    pub(crate) fn start() -> Option<Self> {
        let Some(binaries) = binaries() else {
            assert!(!crate::support::backend::required("REQUIRE_POSTGRES"), "PostgreSQL is required here");
            println!("skipped: PostgreSQL is not installed");
            return None;
        };
        let user = unprivileged_user();
        let folder = tempfile::Builder::new().prefix("scim-cluster-").tempdir().unwrap().keep();
        if let Some(user) = &user {
            run(Command::new("chown").arg(user).arg(&folder)).unwrap();
        }
        let data = folder.join("data");
        let mut initdb = as_user(user.as_deref(), &binaries.join("initdb"));
        let options = ["-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-locale", "--no-sync", "-D"];
        run(initdb.args(options).arg(&data)).unwrap();
        let stop = control(&binaries, user.as_deref(), &data, &["stop", "-m", "immediate"]);
        let mut shell = Command::new("sh");
        shell.args(["-c", GUARDIAN, "sh"]).arg(stop.get_program()).args(stop.get_args());
        let guardian = shell.env("CLUSTER", &folder).current_dir("/").stdin(Stdio::piped()).spawn().unwrap();
        let cluster = Self { binaries, user, folder, port: free_port(), guardian };
        cluster.up();
        Some(cluster)
    }

    /// Starts it and waits until it answers; what a crash left behind is recovered.
    pub(crate) fn up(&self) {
        // Without fsync a killed PostgreSQL loses nothing: only the machine must not fail.
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off -c max_connections=100",
            self.port
        );
        let log = self.folder.join("data/server.log");
        let arguments = ["start", "-w", "-l", log.to_str().unwrap(), "-o", &options];
        run(&mut self.control(&arguments)).unwrap_or_else(|error| {
            panic!("{error}\n{}", std::fs::read_to_string(&log).unwrap_or_default());
        });
    }

    /// Stops it: `fast` breaks connections off, `immediate` is a crash.
    pub(crate) fn down(&self, mode: &str) {
        run(&mut self.control(&["stop", "-w", "-m", mode])).unwrap();
    }

    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// Makes an empty database and gives its URL.
    pub(crate) fn database(&self, name: &str) -> String {
        postgres::Server::from_url(&self.url("postgres")).unwrap().make(name);
        self.url(name)
    }

    fn control(&self, arguments: &[&str]) -> Command {
        control(&self.binaries, self.user.as_deref(), &self.folder.join("data"), arguments)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.guardian.stdin.take());
        let _ = self.guardian.wait();
    }
}

fn control(binaries: &Path, user: Option<&str>, data: &Path, arguments: &[&str]) -> Command {
    let mut command = as_user(user, &binaries.join("pg_ctl"));
    command.arg("-D").arg(data).args(arguments);
    command
}

/// A folder that lives as long as the test.
pub(crate) fn folder() -> TempDir {
    tempfile::Builder::new().prefix("scim-survival-").tempdir().unwrap()
}
