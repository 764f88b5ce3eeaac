-- What identity providers sent, as far as an endpoint's setting keeps it. Written in batches, in the order of ids, which are
-- ordered by time; without foreign keys, as a batch must not fail for one endpoint that is gone.
CREATE TABLE requests (
    endpoint_id    TEXT    NOT NULL,
    id             TEXT    NOT NULL,
    at             INTEGER NOT NULL,
    method         TEXT    NOT NULL,
    target         TEXT    NOT NULL,
    operation      TEXT    NOT NULL,
    resource_type  TEXT    NOT NULL,
    resource_id    TEXT    NOT NULL,
    resource_name  TEXT    NOT NULL,
    status         INTEGER NOT NULL,
    micros         INTEGER NOT NULL,
    token_id       TEXT    NOT NULL,
    address        TEXT    NOT NULL,
    agent          TEXT    NOT NULL,
    -- What else is known of it, as JSON.
    facts          TEXT    NOT NULL,
    PRIMARY KEY (endpoint_id, id)
) STRICT, WITHOUT ROWID;

-- Their bodies, masked and cut: apart, so that a list reads none. The sizes are those that came and went.
CREATE TABLE request_bodies (
    endpoint_id     TEXT    NOT NULL,
    id              TEXT    NOT NULL,
    request         TEXT,
    request_size    INTEGER NOT NULL,
    response        TEXT,
    response_size   INTEGER NOT NULL,
    PRIMARY KEY (endpoint_id, id)
) STRICT;

-- How many requests came faster than they could be written down.
CREATE TABLE request_drops (
    endpoint_id  TEXT    NOT NULL PRIMARY KEY REFERENCES endpoints (id) ON DELETE CASCADE,
    reads        INTEGER NOT NULL,
    writes       INTEGER NOT NULL,
    refusals     INTEGER NOT NULL,
    first_at     INTEGER NOT NULL,
    last_at      INTEGER NOT NULL
) STRICT;

-- Links that show one request, masked, to somebody without an account. Only the digest of the code is kept.
CREATE TABLE request_links (
    id           TEXT    NOT NULL PRIMARY KEY,
    endpoint_id  TEXT    NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
    request_id   TEXT    NOT NULL,
    digest       BLOB    NOT NULL UNIQUE,
    created_at   INTEGER NOT NULL,
    created_by   TEXT    NOT NULL,
    expires_at   INTEGER NOT NULL,
    revoked_at   INTEGER,
    revoked_by   TEXT
) STRICT;
CREATE INDEX request_links_of ON request_links (endpoint_id, request_id);
