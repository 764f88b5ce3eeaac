-- Times are milliseconds UTC. Keys lead with the endpoint: no row can be reached without naming whose it is.

CREATE TABLE endpoints (
    id          TEXT    NOT NULL PRIMARY KEY,
    slug        TEXT    NOT NULL,
    name        TEXT    NOT NULL,
    name_key    TEXT    NOT NULL,
    tenant      TEXT,
    idp         TEXT    NOT NULL,
    status      TEXT    NOT NULL,
    settings    TEXT    NOT NULL,
    definitions TEXT,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    deleted_at  INTEGER
) STRICT;
CREATE INDEX endpoints_by_name ON endpoints (name_key, id);

-- Every slug an endpoint has or had: an old one keeps working as an alias and is never given to another.
CREATE TABLE endpoint_slugs (
    slug         TEXT NOT NULL PRIMARY KEY,
    endpoint_id  TEXT NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE
) STRICT;

-- One row per endpoint, written by every change: the number of the last change, and the first time of each milestone.
CREATE TABLE endpoint_progress (
    endpoint_id      TEXT    NOT NULL PRIMARY KEY REFERENCES endpoints (id) ON DELETE CASCADE,
    last_change      INTEGER NOT NULL,
    first_user_at    INTEGER,
    first_group_at   INTEGER,
    first_update_at  INTEGER
) STRICT;

CREATE TABLE tokens (
    id                    TEXT    NOT NULL PRIMARY KEY,
    endpoint_id           TEXT    NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
    digest                BLOB    NOT NULL,
    label                 TEXT    NOT NULL,
    scope                 TEXT    NOT NULL,
    created_at            INTEGER NOT NULL,
    created_by            TEXT    NOT NULL,
    expires_at            INTEGER,
    revoked_at            INTEGER,
    revoked_by            TEXT,
    request_key           TEXT    UNIQUE
) STRICT;
CREATE INDEX tokens_by_endpoint ON tokens (endpoint_id, created_at);

-- What a token was used for: written in batches, apart from what the token is.
CREATE TABLE token_usage (
    token_id        TEXT NOT NULL PRIMARY KEY REFERENCES tokens (id) ON DELETE CASCADE,
    endpoint_id     TEXT NOT NULL,
    requests        INTEGER NOT NULL,
    first_at        INTEGER,
    last_at         INTEGER,
    last_address    TEXT,
    last_agent      TEXT,
    last_operation  TEXT
) STRICT;
CREATE INDEX token_usage_by_endpoint ON token_usage (endpoint_id);

-- Attempts that were turned away, one row per cause: what the operator has to know, never what was sent as a secret.
CREATE TABLE refusals (
    endpoint_id   TEXT    NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
    cause         TEXT    NOT NULL,
    token_id      TEXT    NOT NULL,
    attempts      INTEGER NOT NULL,
    first_at      INTEGER NOT NULL,
    last_at       INTEGER NOT NULL,
    last_address  TEXT    NOT NULL,
    last_agent    TEXT    NOT NULL,
    last_request  TEXT    NOT NULL,
    PRIMARY KEY (endpoint_id, cause, token_id)
) STRICT;

-- What was noticed in an endpoint's traffic: tolerances that were used, attributes that were dropped, and which
-- identity provider it looks like.
CREATE TABLE observations (
    endpoint_id   TEXT NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
    kind          TEXT NOT NULL,
    name          TEXT NOT NULL,
    hits          INTEGER NOT NULL,
    first_at      INTEGER NOT NULL,
    last_at       INTEGER NOT NULL,
    last_request  TEXT NOT NULL,
    PRIMARY KEY (endpoint_id, kind, name)
) STRICT;

-- The directory. `body` is the resource without id, meta and rows of its relation.
CREATE TABLE resources (
    endpoint_id    TEXT    NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
    id             TEXT    NOT NULL,
    resource_type  TEXT    NOT NULL,
    version        INTEGER NOT NULL,
    created_at     INTEGER NOT NULL,
    modified_at    INTEGER NOT NULL,
    hidden         INTEGER NOT NULL CHECK (hidden IN (0, 1)),
    active         INTEGER NOT NULL CHECK (active IN (0, 1)),
    name           TEXT    NOT NULL,
    name_key       TEXT    NOT NULL,
    body           TEXT    NOT NULL,
    PRIMARY KEY (endpoint_id, id)
) STRICT;
CREATE INDEX resources_in_order ON resources (endpoint_id, resource_type, hidden, id);
CREATE INDEX resources_by_name ON resources (endpoint_id, resource_type, name_key, id);

-- Searchable values, folded where the schema compares without case. Uniqueness is this index, never a SELECT before.
CREATE TABLE resource_keys (
    endpoint_id    TEXT    NOT NULL,
    resource_type  TEXT    NOT NULL,
    attribute      TEXT    NOT NULL,
    value_key      TEXT    NOT NULL,
    resource_id    TEXT    NOT NULL,
    is_unique      INTEGER NOT NULL CHECK (is_unique IN (0, 1)),
    PRIMARY KEY (endpoint_id, resource_type, attribute, value_key, resource_id),
    FOREIGN KEY (endpoint_id, resource_id) REFERENCES resources (endpoint_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX resource_keys_unique ON resource_keys (endpoint_id, resource_type, attribute, value_key) WHERE is_unique = 1;
CREATE INDEX resource_keys_of ON resource_keys (endpoint_id, resource_id, attribute, value_key, is_unique);

CREATE TABLE resource_counts (
    endpoint_id    TEXT    NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
    resource_type  TEXT    NOT NULL,
    visible        INTEGER NOT NULL,
    hidden         INTEGER NOT NULL,
    PRIMARY KEY (endpoint_id, resource_type)
) STRICT, WITHOUT ROWID;

CREATE TABLE members (
    endpoint_id  TEXT    NOT NULL,
    group_id     TEXT    NOT NULL,
    member_id    TEXT    NOT NULL,
    member_type  TEXT    NOT NULL,
    added_at     INTEGER NOT NULL,
    PRIMARY KEY (endpoint_id, group_id, member_id),
    FOREIGN KEY (endpoint_id, group_id) REFERENCES resources (endpoint_id, id) ON DELETE CASCADE,
    FOREIGN KEY (endpoint_id, member_id) REFERENCES resources (endpoint_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX members_of_member ON members (endpoint_id, member_id, group_id);

-- The change log: one row per write, in the transaction that made it, numbered per endpoint without gaps.
CREATE TABLE changes (
    endpoint_id    TEXT    NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
    seq            INTEGER NOT NULL,
    at             INTEGER NOT NULL,
    actor_kind     TEXT    NOT NULL,
    actor_id       TEXT    NOT NULL,
    actor_label    TEXT    NOT NULL,
    request_id     TEXT    NOT NULL,
    kind           TEXT    NOT NULL,
    resource_type  TEXT    NOT NULL,
    resource_id    TEXT    NOT NULL,
    resource_name  TEXT    NOT NULL,
    before         TEXT,
    after          TEXT,
    members        TEXT,
    PRIMARY KEY (endpoint_id, seq)
) STRICT;

-- Whom a change concerns: the resource itself, and each member it gained or lost.
CREATE TABLE change_subjects (
    endpoint_id  TEXT    NOT NULL,
    subject_id   TEXT    NOT NULL,
    seq          INTEGER NOT NULL,
    PRIMARY KEY (endpoint_id, subject_id, seq),
    FOREIGN KEY (endpoint_id, seq) REFERENCES changes (endpoint_id, seq) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX change_subjects_of ON change_subjects (endpoint_id, seq);

CREATE TABLE operators (
    id               TEXT    NOT NULL PRIMARY KEY,
    name             TEXT    NOT NULL,
    name_key         TEXT    NOT NULL UNIQUE,
    password_hash    TEXT    NOT NULL,
    role             TEXT    NOT NULL,
    created_at       INTEGER NOT NULL,
    disabled_at      INTEGER,
    last_sign_in_at  INTEGER
) STRICT;

CREATE TABLE sessions (
    digest        BLOB    NOT NULL PRIMARY KEY,
    operator_id   TEXT    NOT NULL REFERENCES operators (id) ON DELETE CASCADE,
    csrf          TEXT    NOT NULL,
    created_at    INTEGER NOT NULL,
    last_seen_at  INTEGER NOT NULL,
    address       TEXT    NOT NULL,
    agent         TEXT    NOT NULL
) STRICT;
CREATE INDEX sessions_of ON sessions (operator_id);

CREATE TABLE setup_codes (
    digest      BLOB    NOT NULL PRIMARY KEY,
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL
) STRICT;

-- Moves whenever an endpoint or a live token changes: every process watches it and reloads what it keeps in memory.
CREATE TABLE registry_version (
    id       INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    version  INTEGER NOT NULL
) STRICT;
INSERT INTO registry_version (id, version) VALUES (1, 1);

-- Keys of this installation that never leave it: what seals the cursors of lists.
CREATE TABLE server_keys (
    name   TEXT NOT NULL PRIMARY KEY,
    bytes  BLOB NOT NULL
) STRICT;
