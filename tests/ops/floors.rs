//! Which crate may depend on which: the table in `ARCHITECTURE.md`, held against what cargo has resolved.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, PackageId};

/// From the ground up. A room imports only from the floors below its own.
const FLOORS: [&str; 5] =
    ["scim-core", "endpoint-store", "endpoint-targets", "endpoint-admin", "scim-server"];

/// What is never in a room, however far down: crates whose name is, or begins with, one of these.
const NEVER_BELOW: [(&str, &[&str]); 3] = [
    ("scim-core", &["tokio", "actix", "diesel", "rand", "getrandom", "libsqlite3-sys", "pq-sys"]),
    ("endpoint-store", &["actix", "clap", "askama"]),
    ("endpoint-targets", &["actix", "clap", "askama"]),
];

/// What a room does not name itself, though something below it may.
const NEVER_DIRECT: [(&str, &[&str]); 3] = [
    ("endpoint-admin", &["diesel", "r2d2", "libsqlite3-sys", "pq-sys"]),
    ("endpoint-targets", &["diesel", "r2d2", "libsqlite3-sys", "pq-sys"]),
    ("scim-server", &["diesel", "r2d2", "libsqlite3-sys", "pq-sys"]),
];

/// Names by crate: what it depends on when it is built, tests and build scripts left out.
struct Graph {
    names: BTreeMap<PackageId, String>,
    below: BTreeMap<PackageId, Vec<PackageId>>,
}

impl Graph {
    fn read() -> Self {
        let metadata = metadata();
        let names = metadata.packages.iter().map(|one| (one.id.clone(), one.name.to_string())).collect();
        let nodes = metadata.resolve.expect("cargo resolves").nodes;
        let normal = |node: &cargo_metadata::Node| {
            let deps = node.deps.iter();
            let normal =
                deps.filter(|dep| dep.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal));
            normal.map(|dep| dep.pkg.clone()).collect()
        };
        Self { names, below: nodes.iter().map(|node| (node.id.clone(), normal(node))).collect() }
    }

    fn direct(&self, name: &str) -> BTreeSet<&str> {
        self.below[self.id(name)].iter().map(|id| self.names[id].as_str()).collect()
    }

    fn all(&self, name: &str) -> BTreeSet<&str> {
        let mut seen = BTreeSet::new();
        let mut open = vec![self.id(name)];
        while let Some(id) = open.pop() {
            for below in &self.below[id] {
                if seen.insert(below) {
                    open.push(below);
                }
            }
        }
        seen.into_iter().map(|id| self.names[id].as_str()).collect()
    }

    fn id(&self, name: &str) -> &PackageId {
        let found = self.names.iter().find(|(_, known)| *known == name);
        found.unwrap_or_else(|| panic!("no crate {name}")).0
    }
}

/// For this machine only: the crates of other systems need not have been downloaded.
fn metadata() -> Metadata {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("-vV").output().expect("rustc runs").stdout;
    let version = String::from_utf8(version).unwrap();
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc names its host");
    MetadataCommand::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .other_options(["--locked".to_owned(), "--filter-platform".to_owned(), host.to_owned()])
        .exec()
        .expect("cargo metadata")
}

fn forbidden<'a>(found: &BTreeSet<&'a str>, never: &[&str]) -> Vec<&'a str> {
    let is = |name: &str, root: &str| name == root || name.starts_with(&format!("{root}-"));
    found.iter().copied().filter(|name| never.iter().any(|root| is(name, root))).collect()
}

#[test]
fn every_room_imports_only_from_the_floors_below() {
    let graph = Graph::read();
    for (floor, room) in FLOORS.iter().enumerate() {
        let direct = graph.direct(room);
        let not_below: Vec<_> = FLOORS[floor..].iter().filter(|above| direct.contains(*above)).collect();
        assert!(not_below.is_empty(), "{room} imports {not_below:?}, which is not below it");
    }
}

#[test]
fn every_room_has_a_floor() {
    let metadata = metadata();
    let rooms: BTreeSet<_> =
        metadata.workspace_packages().iter().map(|package| package.name.to_string()).collect();
    assert_eq!(rooms, FLOORS.map(str::to_owned).into(), "a new crate needs its place in FLOORS");
}

#[test]
fn rooms_are_free_of_what_belongs_elsewhere() {
    let graph = Graph::read();
    for (room, never) in NEVER_BELOW {
        let found = forbidden(&graph.all(room), never);
        assert!(found.is_empty(), "{room} reaches {found:?}");
    }
    for (room, never) in NEVER_DIRECT {
        let found = forbidden(&graph.direct(room), never);
        assert!(found.is_empty(), "{room} imports {found:?}");
    }
    // The search itself works: what must be there is found.
    assert!(graph.direct("endpoint-store").contains("diesel"));
    assert!(graph.all("endpoint-admin").contains("diesel"));
    assert!(graph.all("scim-server").contains("actix-http"));
}
