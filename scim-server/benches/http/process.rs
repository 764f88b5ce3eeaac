//! Servers under measurement, each a process of its own, so that its CPU time and memory are its alone.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running server.
pub struct Process {
    child: Child,
    address: SocketAddr,
}

impl Process {
    /// The server itself on this database, without rate limits and with a log of warnings only.
    pub fn server(database: &str) -> Self {
        let mut command = program(database);
        command.env("SCIM_RATE", "unlimited").env("SCIM_FAILED_RATE", "unlimited");
        Self::serve(command)
    }

    /// The same with the limits that hold when nobody sets others.
    pub fn with_limits(database: &str) -> Self {
        Self::serve(program(database))
    }

    fn serve(mut command: Command) -> Self {
        let address = free_address();
        command.args(["serve", "--listen", &address.to_string()]);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("cannot start");
        let server = Self { child, address };
        while std::net::TcpStream::connect(address).is_err() {
            std::thread::sleep(Duration::from_millis(1));
        }
        server
    }

    /// This program again, answering every request with one fixed body: what the machine itself costs.
    pub fn bare(body: &Path) -> Self {
        let this = std::env::current_exe().expect("no path of this program");
        let mut child = Command::new(this)
            .args(["bare", &body.to_string_lossy()])
            .stdout(Stdio::piped())
            .spawn()
            .expect("cannot start");
        let mut line = String::new();
        let out = child.stdout.take().expect("no output");
        BufReader::new(out).read_line(&mut line).expect("no address");
        Self { child, address: line.trim().parse().expect("an address") }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// CPU time so far, user and system, of threads that have ended too.
    pub fn cpu(&self) -> Duration {
        let stat = self.proc("stat");
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
        let ticks: u64 = fields[11..13].iter().map(|ticks| ticks.parse::<u64>().expect("ticks")).sum();
        // Linux has counted in hundredths of a second on every platform for decades.
        Duration::from_millis(ticks * 10)
    }

    /// Memory of its own, in megabytes: not shared with the file cache.
    pub fn memory(&self) -> f64 {
        let status = self.proc("status");
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("RssAnon");
        line.trim().trim_end_matches(" kB").parse::<f64>().expect("kB") / 1024.0
    }

    fn proc(&self, what: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{what}", self.child.id())).expect("cannot read /proc")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let patience = Instant::now();
        while patience.elapsed() < Duration::from_secs(20) {
            if self.child.try_wait().is_ok_and(|ended| ended.is_some()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
    }
}

/// The program under measurement, on this database.
pub fn program(database: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_scim-server"));
    command.args(["--database", database]).env("SCIM_LOG", "warn");
    command
}

/// Runs a command of the program and returns the JSON document it prints.
pub fn command(database: &str, arguments: &[&str]) -> serde_json::Value {
    let output = program(database).args(arguments).arg("--json").output().expect("cannot run");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("no JSON")
}

fn free_address() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("no free port");
    listener.local_addr().expect("no address")
}
