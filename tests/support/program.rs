//! The real binary: commands that end, and servers that are stopped with a signal.

use std::fs::File;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::app::KEY;

/// After this long a program that should end, or answer, counts as hanging.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program in the folder, without the settings of the one who runs the tests.
fn command(folder: &Path) -> Command {
    prepared(Command::new(env!("CARGO_BIN_EXE_scim-server")), folder)
}

fn prepared(mut command: Command, folder: &Path) -> Command {
    command.current_dir(folder);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SCIM_") {
            command.env_remove(name);
        }
    }
    command
}

/// The arguments, and with PostgreSQL the key that must be set there; with SQLite it is the file beside the database.
fn told<'a>(command: &'a mut Command, arguments: &[&str]) -> &'a mut Command {
    if arguments.iter().any(|argument| argument.starts_with("postgres")) {
        command.env("SCIM_KEY", KEY);
    }
    command.args(arguments)
}

/// What a command left behind.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Output {
    /// The command must have done its work; what it printed comes back as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.code, Some(0), "{self:?}");
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("no single JSON document ({error}): {self:?}"))
    }

    #[track_caller]
    pub(crate) fn done(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }

    /// The command must have refused: exit code 1, nothing on stdout, one sentence on stderr.
    #[track_caller]
    pub(crate) fn refused(&self) -> &str {
        assert_eq!(self.code, Some(1), "{self:?}");
        assert_eq!(self.stdout, "", "nothing on stdout: {self:?}");
        let sentence = self.stderr.trim_end();
        assert!(!sentence.is_empty() && !sentence.contains('\n'), "one sentence on stderr: {self:?}");
        for word in ["panicked", "backtrace", "RUST_BACKTRACE"] {
            assert!(!sentence.contains(word), "a sentence for people: {self:?}");
        }
        sentence
    }
}

/// Runs a command to its end.
pub(crate) fn run(folder: &Path, arguments: &[&str]) -> Output {
    run_with_input(folder, arguments, "")
}

/// The same with something on stdin (passwords).
pub(crate) fn run_with_input(folder: &Path, arguments: &[&str], input: &str) -> Output {
    let mut child = told(&mut command(folder), arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    // A command that does not read its stdin closes it; that is no failure of the test.
    let _ = child.stdin.take().expect("stdin is a pipe").write_all(input.as_bytes());
    let output = child.wait_with_output().expect("the binary ends");
    Output {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("stdout is UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("stderr is UTF-8"),
    }
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port").port()
}

/// A running server; its output goes to a file.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    output: PathBuf,
}

impl Server {
    /// Starts `serve` on a free port and waits until it has said where it serves: it listens earlier, and begins to answer
    /// then.
    pub(crate) async fn start(folder: &Path, arguments: &[&str]) -> Self {
        Self::start_by(command(folder), folder, arguments).await
    }

    /// The same for one whose files may be limited: writing past the limit fails there, and does not end it.
    pub(crate) async fn start_with_limits(folder: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new("env");
        command.args(["--ignore-signal=XFSZ", env!("CARGO_BIN_EXE_scim-server")]);
        Self::start_by(prepared(command, folder), folder, arguments).await
    }

    async fn start_by(mut command: Command, folder: &Path, arguments: &[&str]) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let output = folder.join(format!("output-{}", address.port()));
        let file = File::create(&output).expect("a file for the output");
        command.args(["serve", "--listen", &address.to_string()]);
        let child = told(&mut command, arguments)
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("one file for both"))
            .stderr(file)
            .spawn()
            .expect("the binary starts");
        let mut server = Self { child, address, output };
        server.wait_until("it serves", |output| output.contains("Console ")).await;
        server
    }

    /// What it has printed so far, stdout and stderr.
    pub(crate) fn output(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.output).unwrap_or_default()).into_owned()
    }

    /// Waits until something is seen in the output or elsewhere.
    pub(crate) async fn wait_until(&mut self, what: &str, seen: impl Fn(&str) -> bool) {
        let begun = Instant::now();
        while !seen(&self.output()) {
            if let Some(status) = self.child.try_wait().expect("its state is known") {
                panic!("ended with {status} before {what}:\n{}", self.output());
            }
            assert!(begun.elapsed() < PATIENCE, "waited for {what} in vain:\n{}", self.output());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills it without warning, as power failing or the kernel running out of memory does.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it ends");
    }

    /// Sends a signal by name (`TERM`, `INT`) and waits for the end.
    pub(crate) async fn stop(mut self, signal: &str) -> (ExitStatus, String) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([&format!("-{signal}"), &pid]).status().expect("kill runs");
        assert!(sent.success(), "kill -{signal} {pid}");
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("its state is known") {
                return (status, self.output());
            }
            assert!(begun.elapsed() < PATIENCE, "does not stop:\n{}", self.output());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
