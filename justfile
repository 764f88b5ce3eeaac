# Every recipe is one command that can be typed without just. The checks live in .ci/run, because a bare machine
# has no just: `just lint` and the CI's lint are the same lines.

# What there is
default:
    @just --list --unsorted

# Console and SCIM on http://127.0.0.1:8080, data under ./data
run *ARGS:
    cargo run --release -- {{ARGS}}

# All tests; what PostgreSQL and Chromium need is skipped with a note where they are missing
test *ARGS:
    cargo test --workspace {{ARGS}}

# All tests as CI runs them: a missing PostgreSQL or Chromium is a failure
test-all:
    .ci/run test

# Only the tests over HTTP, e.g. `just http scim::users`
http *ARGS:
    cargo test -p scim-server --test main {{ARGS}}

# Format the code
fmt:
    cargo fmt --all

# Format check and clippy, as CI runs them
lint:
    .ci/run fmt lint

# API documentation, warnings are errors
doc:
    .ci/run doc

# Release build, started, asked and stopped
smoke:
    .ci/run smoke

# Public SCIM checkers against the release build, on fresh endpoints
suites:
    .ci/run suites

# Speed of the protocol: filters, PATCH, rendering (docs/performance.md)
bench *ARGS:
    cargo bench -p scim-core {{ARGS}}

# Licences, advisories, bans, sources (cargo install --locked cargo-deny)
deny:
    cargo deny check

# Walk through the console in headless Chromium; the pictures land in target/screenshots
screenshots:
    REQUIRE_BROWSER=1 cargo test -p scim-server --test main admin:: -- --nocapture
    @ls target/screenshots

# Everything that CI does
ci:
    .ci/run
