-- The meaning of migrations/sqlite/0014_requests.
-- What identity providers sent, as far as an endpoint's setting keeps it. Written in batches, in the order of ids, which are
-- ordered by time; without foreign keys, as a batch must not fail for one endpoint that is gone.
CREATE TABLE requests (
    endpoint_id    TEXT COLLATE "C" NOT NULL,
    id             TEXT COLLATE "C" NOT NULL,
    at             BIGINT NOT NULL,
    method         TEXT COLLATE "C" NOT NULL,
    target         TEXT COLLATE "C" NOT NULL,
    operation      TEXT COLLATE "C" NOT NULL,
    resource_type  TEXT COLLATE "C" NOT NULL,
    resource_id    TEXT COLLATE "C" NOT NULL,
    resource_name  TEXT COLLATE "C" NOT NULL,
    status         BIGINT NOT NULL,
    micros         BIGINT NOT NULL,
    token_id       TEXT COLLATE "C" NOT NULL,
    address        TEXT COLLATE "C" NOT NULL,
    agent          TEXT COLLATE "C" NOT NULL,
    -- What else is known of it, as JSON.
    facts          TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (endpoint_id, id)
);

-- Their bodies, masked and cut: apart, so that a list reads none. The sizes are those that came and went.
CREATE TABLE request_bodies (
    endpoint_id     TEXT COLLATE "C" NOT NULL,
    id              TEXT COLLATE "C" NOT NULL,
    request         TEXT COLLATE "C",
    request_size    BIGINT NOT NULL,
    response        TEXT COLLATE "C",
    response_size   BIGINT NOT NULL,
    PRIMARY KEY (endpoint_id, id)
);

-- How many requests came faster than they could be written down.
CREATE TABLE request_drops (
    endpoint_id  TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES endpoints (id) ON DELETE CASCADE,
    reads        BIGINT NOT NULL,
    writes       BIGINT NOT NULL,
    refusals     BIGINT NOT NULL,
    first_at     BIGINT NOT NULL,
    last_at      BIGINT NOT NULL
);

-- Links that show one request, masked, to somebody without an account. Only the digest of the code is kept.
CREATE TABLE request_links (
    id           TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    endpoint_id  TEXT COLLATE "C" NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
    request_id   TEXT COLLATE "C" NOT NULL,
    digest       BYTEA   NOT NULL UNIQUE,
    created_at   BIGINT NOT NULL,
    created_by   TEXT COLLATE "C" NOT NULL,
    expires_at   BIGINT NOT NULL,
    revoked_at   BIGINT,
    revoked_by   TEXT COLLATE "C"
);
CREATE INDEX request_links_of ON request_links (endpoint_id, request_id);
