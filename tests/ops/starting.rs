//! The start: what a bare folder needs (nothing), what goes wrong (one sentence, exit code 1), and which setting wins.

use std::fs::File;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, PgConnection, SqliteConnection};

use crate::support::backend::{Backend, Database};
use crate::support::http::{Request, send};
use crate::support::program::{Output, Server, free_port, run};

/// A program that should have refused, but serves, is ended after this long.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs the program to its end with these variables and no others of its own.
fn with_env(folder: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> Output {
    let output = |name: &str| File::create(folder.join(name)).expect("a file for the output");
    let mut command = Command::new(env!("CARGO_BIN_EXE_scim-server"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SCIM_")) {
        command.env_remove(name);
    }
    command.current_dir(folder).args(arguments).envs(variables.iter().copied());
    command.stdin(Stdio::null()).stdout(output("out.txt")).stderr(output("err.txt"));
    let mut child = command.spawn().expect("the binary starts");
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("its state is known") {
            break status;
        }
        if begun.elapsed() > PATIENCE {
            let _ = child.kill();
            panic!("still runs with {arguments:?} and {variables:?}");
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    let text = |name: &str| std::fs::read_to_string(folder.join(name)).expect("the output is UTF-8");
    Output { code: status.code(), stdout: text("out.txt"), stderr: text("err.txt") }
}

/// `serve` must refuse; `--listen` is a free port unless the test is about it.
fn serve_refuses(folder: &Path, arguments: &[&str]) -> String {
    let listen = format!("127.0.0.1:{}", free_port());
    let all = [&["serve", "--listen", &listen], arguments].concat();
    with_env(folder, &[], &all).refused().to_owned()
}

#[tokio::test]
async fn a_bare_folder_is_enough() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path(), &[]).await;
    assert!(folder.path().join("data/scim.db").is_file(), "the folder and the database are made");
    server.wait_until("the greeting", |output| output.contains("/setup/")).await;
    let greeting = server.output();
    for part in [&format!("http://{}/admin/", server.address), "/setup/", "works once"] {
        assert!(greeting.contains(part), "{part}: {greeting}");
    }
    for path in ["/healthz", "/readyz"] {
        send(server.address, &Request::new("GET", path)).await.expect(200);
    }
    let home = send(server.address, &Request::new("GET", "/")).await;
    assert_eq!((home.status, home.header("location")), (303, Some("/admin/")));
    let (status, output) = server.stop("TERM").await;
    assert!(status.success(), "{output}");
}

/// What is kept is about people; nobody else on the machine has to read it.
#[cfg(unix)]
#[test]
fn the_database_is_readable_by_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &["migrate", "--database", "sqlite:deep/er/scim.db"]).done();
    let mode = std::fs::metadata(folder.path().join("deep/er/scim.db")).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "{mode:o}");
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "no folder").unwrap();
    let mut places = vec!["file/scim.db".to_owned(), "file/below/scim.db".to_owned(), ".".to_owned()];
    // Not even root writes there.
    places.extend(Path::new("/proc/self").exists().then(|| "/proc/scim/scim.db".to_owned()));
    for place in places {
        let url = format!("sqlite:{place}");
        assert!(serve_refuses(folder.path(), &["--database", &url]).contains(&place), "{place}");
        let command = run(folder.path(), &["endpoint", "list", "--database", &url]);
        assert!(command.refused().contains(&place), "{command:?}");
        let migrate = run(folder.path(), &["migrate", "--database", &url]);
        assert!(migrate.refused().contains(&place), "{migrate:?}");
    }
}

#[test]
fn a_taken_port_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let sentence = with_env(folder.path(), &[], &["--listen", &address]);
    let sentence = sentence.refused();
    assert!(sentence.contains(&address) && sentence.contains("--listen"), "{sentence}");
    assert!(serve_refuses(folder.path(), &["--console-listen", &address]).contains(&address));
}

/// The bytes of a database with everything in its one file.
fn in_one_file(database: &Database) -> Vec<u8> {
    execute(Backend::Sqlite, database, "PRAGMA wal_checkpoint(TRUNCATE)");
    let file = database.sqlite_file();
    for ending in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{ending}", file.display()));
    }
    std::fs::read(file).unwrap()
}

#[test]
fn a_damaged_database_is_left_as_it_is() {
    let (database, _) = Backend::Sqlite.furnished();
    let (file, whole) = (database.sqlite_file(), in_one_file(&database));
    let mut holes = whole.clone();
    holes[100..8192].fill(0xA5);
    for (what, damaged) in [
        ("no database at all", b"This is a letter to my grandmother. ".repeat(300)),
        ("cut off in its first page", whole[..2000].to_vec()),
        ("holes", holes),
    ] {
        std::fs::write(&file, &damaged).unwrap();
        let sentence = serve_refuses(database.folder.path(), &["--database", &database.url]);
        assert!(sentence.contains("damaged") && sentence.contains("scim.db"), "{what}: {sentence}");
        for command in [&["endpoint", "list"][..], &["check"], &["migrate"]] {
            let output = run(database.folder.path(), &[command, &["--database", &database.url]].concat());
            assert!(output.refused().contains("damaged"), "{what}: {output:?}");
        }
        assert!(std::fs::read(&file).unwrap() == damaged, "{what}: nothing was written to it");
    }
}

/// Damage in the middle is not seen by opening; `check` looks for it.
#[test]
fn check_finds_damage_in_the_middle() {
    let (database, _) = Backend::Sqlite.furnished();
    let (file, mut bytes) = (database.sqlite_file(), in_one_file(&database));
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..].fill(0xA5);
    std::fs::write(&file, &bytes).unwrap();
    let output = run(database.folder.path(), &["check", "--database", &database.url]);
    assert_eq!(output.code, Some(1), "{output:?}");
    assert_eq!(output.stderr.trim_end().lines().count(), 1, "{output:?}");
}

fn execute(backend: Backend, database: &Database, sql: &str) {
    let outcome = match backend {
        Backend::Sqlite => {
            let file = database.sqlite_file();
            SqliteConnection::establish(file.to_str().unwrap()).unwrap().batch_execute(sql)
        }
        Backend::Postgres => PgConnection::establish(&database.url).unwrap().batch_execute(sql),
    };
    outcome.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

fn a_newer_database_is_refused(backend: Backend) {
    if !backend.available() {
        return;
    }
    let (database, _) = backend.furnished();
    let newer = "INSERT INTO __diesel_schema_migrations (version) VALUES ('20991231235959')";
    execute(backend, &database, newer);
    let sentence = serve_refuses(database.folder.path(), &["--database", &database.url]);
    assert!(sentence.contains("20991231235959") && sentence.contains("newer"), "{sentence}");
    for command in [&["endpoint", "list"][..], &["migrate"], &["check"]] {
        let output = run(database.folder.path(), &[command, &["--database", &database.url]].concat());
        assert!(output.refused().contains("20991231235959"), "{output:?}");
    }
    execute(backend, &database, "DELETE FROM __diesel_schema_migrations WHERE version = '20991231235959'");
    run(database.folder.path(), &["check", "--database", &database.url]).done();
}

#[test]
fn a_newer_database_is_refused_sqlite() {
    a_newer_database_is_refused(Backend::Sqlite);
}

#[test]
fn a_newer_database_is_refused_postgres() {
    a_newer_database_is_refused(Backend::Postgres);
}

#[test]
fn a_database_server_that_is_away_is_told_without_its_password() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("postgres://scim:s3cret-of-pg@127.0.0.1:{}/scim", free_port());
    for sentence in [
        serve_refuses(folder.path(), &["--database", &url]),
        run(folder.path(), &["endpoint", "list", "--database", &url]).refused().to_owned(),
        run(folder.path(), &["migrate", "--database", &url]).refused().to_owned(),
    ] {
        assert!(sentence.contains("127.0.0.1") && !sentence.contains("s3cret-of-pg"), "{sentence}");
    }
}

#[test]
fn unknown_databases_are_refused_without_repeating_them() {
    let folder = tempfile::tempdir().unwrap();
    for url in ["mysql://root:s3cret-of-my@db/scim", "scim.db", "sqlite:", "", "postgres:/scim"] {
        let output = with_env(folder.path(), &[], &["endpoint", "list", "--database", url]);
        let sentence = output.refused();
        assert!(sentence.contains("--database") && !sentence.contains("s3cret"), "{sentence}");
    }
    let output = with_env(folder.path(), &[("SCIM_DATABASE", "mysql://db/scim")], &["endpoint", "list"]);
    assert!(output.refused().contains("SCIM_DATABASE"), "{output:?}");
}

#[test]
fn settings_that_cannot_be_used_name_their_place() {
    let folder = tempfile::tempdir().unwrap();
    for (variable, value) in [
        ("SCIM_LISTEN", "nowhere"),
        ("SCIM_CONSOLE_LISTEN", "8080"),
        ("SCIM_RATE", "0"),
        ("SCIM_PUBLIC_URL", "scim.example.com"),
        ("SCIM_PUBLIC_URL", "https://scim.example.com/"),
        ("SCIM_LOG_FORMAT", "xml"),
        ("SCIM_CONFIG", "no-such-file.toml"),
    ] {
        let output = with_env(folder.path(), &[(variable, value)], &["serve"]);
        let named = [variable, value].iter().any(|part| output.refused().contains(part));
        assert!(named, "{variable}={value}: {output:?}");
    }
    let loud = with_env(folder.path(), &[("SCIM_LOG", "loud")], &["serve"]);
    assert!(loud.refused().contains("loud"), "{loud:?}");
    assert!(serve_refuses(folder.path(), &["--tls-cert", "cert.pem"]).contains("--tls-key"));
    let both = ["--tls-cert", "no-cert.pem", "--tls-key", "no-key.pem"];
    assert!(serve_refuses(folder.path(), &both).contains("no-cert.pem"));
}

#[test]
fn keys_of_the_file_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    for (text, parts) in [
        ("listen = \"127.0.0.1:0\"\ncolour = \"red\"\n", ["line 2", "colour"]),
        ("listen = \"nowhere\"\n", ["scim-server.toml", "nowhere"]),
        ("listen = 8080\n", ["line 1", "scim-server.toml"]),
        ("rate = -1\n", ["rate", "-1"]),
        ("[server]\nlisten = \"127.0.0.1:0\"\n", ["server", "line 1"]),
        ("listen = \n", ["line 1", "scim-server.toml"]),
    ] {
        std::fs::write(folder.path().join("scim-server.toml"), text).unwrap();
        for command in [&["serve"][..], &["endpoint", "list"]] {
            let output = with_env(folder.path(), &[], command);
            for part in parts {
                assert!(output.refused().contains(part), "{text:?} {part}: {output:?}");
            }
        }
    }
    assert!(!folder.path().join("data").exists(), "nothing was made");
}

#[test]
fn wrong_flags_end_with_2() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &["--listen", "nowhere"][..],
        &["serve", "--rate", "0"],
        &["serve", "--nonsense"],
        &["serve", "surplus"],
        &["--public-url", "scim.example.com"],
        &["serve", "--log-format", "xml"],
        &["serve", "--json"],
        &["--database"],
    ] {
        let output = with_env(folder.path(), &[], arguments);
        assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""), "{arguments:?}: {output:?}");
    }
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &["endpoint", "create", "One"]).done();
    let base = |variables: &[(&str, &str)], flags: &[&str]| {
        let all = [&["endpoint", "show", "one", "--json"], flags].concat();
        with_env(folder.path(), variables, &all).json()["base_url"].as_str().unwrap().to_owned()
    };
    let (env, flag) =
        (&[("SCIM_PUBLIC_URL", "https://env.example")], &["--public-url", "https://flag.example"]);
    assert_eq!(base(&[], &[]), "http://127.0.0.1:8080/scim/one/v2");
    assert_eq!(base(env, &[]), "https://env.example/scim/one/v2");
    std::fs::write(
        folder.path().join("scim-server.toml"),
        "public_url = \"https://file.example\"\nlisten = \"127.0.0.1:9\"\n",
    )
    .unwrap();
    assert_eq!(base(&[], &[]), "https://file.example/scim/one/v2");
    assert_eq!(base(env, &[]), "https://env.example/scim/one/v2");
    assert_eq!(base(env, flag), "https://flag.example/scim/one/v2");
    assert_eq!(base(&[], flag), "https://flag.example/scim/one/v2");
    assert_eq!(base(&[("SCIM_PUBLIC_URL", "")], &[]), "https://file.example/scim/one/v2", "empty is not set");

    // Another file, by flag or environment, takes the place of the one in the folder.
    std::fs::write(folder.path().join("other.toml"), "listen = \"[::1]:7000\"\n").unwrap();
    assert_eq!(base(&[], &["--config", "other.toml"]), "http://[::1]:7000/scim/one/v2");
    assert_eq!(base(&[("SCIM_CONFIG", "other.toml")], &[]), "http://[::1]:7000/scim/one/v2");
    let listen = [("SCIM_CONFIG", "other.toml"), ("SCIM_LISTEN", "0.0.0.0:7001")];
    assert_eq!(base(&listen, &[]), "http://127.0.0.1:7001/scim/one/v2");
}

#[test]
fn the_address_to_listen_on_comes_from_the_first_that_names_one() {
    let folder = tempfile::tempdir().unwrap();
    let taken: Vec<_> = (0..3).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let [flag, env, file] = [0, 1, 2].map(|n: usize| taken[n].local_addr().unwrap().to_string());
    std::fs::write(folder.path().join("scim-server.toml"), format!("listen = \"{file}\"\n")).unwrap();
    for (variables, flags, expected) in [
        (&[][..], &[][..], &file),
        (&[("SCIM_LISTEN", env.as_str())], &[], &env),
        (&[("SCIM_LISTEN", env.as_str())], &["--listen", flag.as_str()], &flag),
    ] {
        // All of them are taken, so the refusal names the one that was chosen.
        let output = with_env(folder.path(), variables, flags);
        assert!(output.refused().contains(expected.as_str()), "{output:?}");
    }
}

#[test]
fn the_database_comes_from_the_first_that_names_one() {
    let folder = tempfile::tempdir().unwrap();
    let made = |name: &str| folder.path().join(name).exists();
    std::fs::write(folder.path().join("scim-server.toml"), "database = \"sqlite:file.db\"\n").unwrap();
    let env = [("SCIM_DATABASE", "sqlite:env.db")];
    with_env(folder.path(), &env, &["migrate", "--database", "sqlite:flag.db"]).done();
    assert!(made("flag.db") && !made("env.db") && !made("file.db"));
    with_env(folder.path(), &env, &["migrate"]).done();
    assert!(made("env.db") && !made("file.db"));
    with_env(folder.path(), &[], &["migrate"]).done();
    assert!(made("file.db") && !made("data"));
}
