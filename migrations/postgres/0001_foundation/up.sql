-- The meaning of migrations/sqlite/0001_foundation. What is compared or ordered is COLLATE "C": bytes, as SQLite does it.
-- Times are milliseconds UTC. Keys lead with the endpoint: no row can be reached without naming whose it is.

CREATE TABLE endpoints (
    id                   TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    slug                 TEXT COLLATE "C" NOT NULL,
    name                 TEXT NOT NULL,
    name_key             TEXT COLLATE "C" NOT NULL,
    tenant               TEXT,
    idp                  TEXT NOT NULL,
    status               TEXT NOT NULL,
    settings             TEXT NOT NULL,
    definitions          TEXT,
    created_at           BIGINT NOT NULL,
    updated_at           BIGINT NOT NULL,
    deleted_at           BIGINT
);
CREATE INDEX endpoints_by_name ON endpoints (name_key, id);

-- Every slug an endpoint has or had: an old one keeps working as an alias and is never given to another.
CREATE TABLE endpoint_slugs (
    slug                 TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    endpoint_id          TEXT COLLATE "C" NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE
);

-- One row per endpoint, written by every change: the number of the last change, and the first time of each milestone.
CREATE TABLE endpoint_progress (
    endpoint_id          TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES endpoints (id) ON DELETE CASCADE,
    last_change          BIGINT NOT NULL,
    first_user_at        BIGINT,
    first_group_at       BIGINT,
    first_update_at      BIGINT
);

CREATE TABLE tokens (
    id                   TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    endpoint_id          TEXT COLLATE "C" NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
    digest               BYTEA NOT NULL,
    label                TEXT NOT NULL,
    scope                TEXT NOT NULL,
    created_at           BIGINT NOT NULL,
    created_by           TEXT NOT NULL,
    expires_at           BIGINT,
    revoked_at           BIGINT,
    revoked_by           TEXT,
    request_key          TEXT UNIQUE
);
CREATE INDEX tokens_by_endpoint ON tokens (endpoint_id, created_at);

-- What a token was used for: written in batches, apart from what the token is.
CREATE TABLE token_usage (
    token_id        TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES tokens (id) ON DELETE CASCADE,
    endpoint_id     TEXT COLLATE "C" NOT NULL,
    requests        BIGINT NOT NULL,
    first_at        BIGINT,
    last_at         BIGINT,
    last_address    TEXT,
    last_agent      TEXT,
    last_operation  TEXT
);
CREATE INDEX token_usage_by_endpoint ON token_usage (endpoint_id);

-- Attempts that were turned away, one row per cause: what the operator has to know, never what was sent as a secret.
CREATE TABLE refusals (
    endpoint_id          TEXT COLLATE "C" NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
    cause                TEXT NOT NULL,
    token_id             TEXT NOT NULL,
    attempts             BIGINT NOT NULL,
    first_at             BIGINT NOT NULL,
    last_at              BIGINT NOT NULL,
    last_address         TEXT NOT NULL,
    last_agent           TEXT NOT NULL,
    last_request         TEXT NOT NULL,
    PRIMARY KEY (endpoint_id, cause, token_id)
);

-- What was noticed in an endpoint's traffic: tolerances that were used, attributes that were dropped, and which
-- identity provider it looks like.
CREATE TABLE observations (
    endpoint_id   TEXT COLLATE "C" NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
    kind          TEXT COLLATE "C" NOT NULL,
    name          TEXT COLLATE "C" NOT NULL,
    hits          BIGINT NOT NULL,
    first_at      BIGINT NOT NULL,
    last_at       BIGINT NOT NULL,
    last_request  TEXT NOT NULL,
    PRIMARY KEY (endpoint_id, kind, name)
);

-- The directory. `body` is the resource without id, meta and rows of its relation.
CREATE TABLE resources (
    endpoint_id          TEXT COLLATE "C" NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
    id                   TEXT COLLATE "C" NOT NULL,
    resource_type        TEXT COLLATE "C" NOT NULL,
    version              BIGINT NOT NULL,
    created_at           BIGINT NOT NULL,
    modified_at          BIGINT NOT NULL,
    hidden               BOOLEAN NOT NULL,
    active               BOOLEAN NOT NULL,
    name                 TEXT NOT NULL,
    name_key             TEXT COLLATE "C" NOT NULL,
    body                 TEXT NOT NULL,
    PRIMARY KEY (endpoint_id, id)
);
CREATE INDEX resources_in_order ON resources (endpoint_id, resource_type, hidden, id);
CREATE INDEX resources_by_name ON resources (endpoint_id, resource_type, name_key, id);

-- Searchable values, folded where the schema compares without case. Uniqueness is this index, never a SELECT before.
CREATE TABLE resource_keys (
    endpoint_id          TEXT COLLATE "C" NOT NULL,
    resource_type        TEXT COLLATE "C" NOT NULL,
    attribute            TEXT COLLATE "C" NOT NULL,
    value_key            TEXT COLLATE "C" NOT NULL,
    resource_id          TEXT COLLATE "C" NOT NULL,
    is_unique            BOOLEAN NOT NULL,
    PRIMARY KEY (endpoint_id, resource_type, attribute, value_key, resource_id),
    FOREIGN KEY (endpoint_id, resource_id) REFERENCES resources (endpoint_id, id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX resource_keys_unique ON resource_keys (endpoint_id, resource_type, attribute, value_key) WHERE is_unique;
CREATE INDEX resource_keys_of ON resource_keys (endpoint_id, resource_id, attribute, value_key, is_unique);

CREATE TABLE resource_counts (
    endpoint_id          TEXT COLLATE "C" NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
    resource_type        TEXT COLLATE "C" NOT NULL,
    visible              BIGINT NOT NULL,
    hidden               BIGINT NOT NULL,
    PRIMARY KEY (endpoint_id, resource_type)
);

CREATE TABLE members (
    endpoint_id          TEXT COLLATE "C" NOT NULL,
    group_id             TEXT COLLATE "C" NOT NULL,
    member_id            TEXT COLLATE "C" NOT NULL,
    member_type          TEXT NOT NULL,
    added_at             BIGINT NOT NULL,
    PRIMARY KEY (endpoint_id, group_id, member_id),
    FOREIGN KEY (endpoint_id, group_id) REFERENCES resources (endpoint_id, id) ON DELETE CASCADE,
    FOREIGN KEY (endpoint_id, member_id) REFERENCES resources (endpoint_id, id) ON DELETE CASCADE
);
CREATE INDEX members_of_member ON members (endpoint_id, member_id, group_id);

-- The change log: one row per write, in the transaction that made it, numbered per endpoint without gaps.
CREATE TABLE changes (
    endpoint_id          TEXT COLLATE "C" NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
    seq                  BIGINT NOT NULL,
    at                   BIGINT NOT NULL,
    actor_kind           TEXT NOT NULL,
    actor_id             TEXT NOT NULL,
    actor_label          TEXT NOT NULL,
    request_id           TEXT NOT NULL,
    kind                 TEXT NOT NULL,
    resource_type        TEXT COLLATE "C" NOT NULL,
    resource_id          TEXT COLLATE "C" NOT NULL,
    resource_name        TEXT NOT NULL,
    before               TEXT,
    after                TEXT,
    members              TEXT,
    PRIMARY KEY (endpoint_id, seq)
);

-- Whom a change concerns: the resource itself, and each member it gained or lost.
CREATE TABLE change_subjects (
    endpoint_id          TEXT COLLATE "C" NOT NULL,
    subject_id           TEXT COLLATE "C" NOT NULL,
    seq                  BIGINT NOT NULL,
    PRIMARY KEY (endpoint_id, subject_id, seq),
    FOREIGN KEY (endpoint_id, seq) REFERENCES changes (endpoint_id, seq) ON DELETE CASCADE
);
CREATE INDEX change_subjects_of ON change_subjects (endpoint_id, seq);

CREATE TABLE operators (
    id                   TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name                 TEXT NOT NULL,
    name_key             TEXT COLLATE "C" NOT NULL UNIQUE,
    password_hash        TEXT NOT NULL,
    role                 TEXT NOT NULL,
    created_at           BIGINT NOT NULL,
    disabled_at          BIGINT,
    last_sign_in_at      BIGINT
);

CREATE TABLE sessions (
    digest               BYTEA NOT NULL PRIMARY KEY,
    operator_id          TEXT NOT NULL REFERENCES operators (id) ON DELETE CASCADE,
    csrf                 TEXT NOT NULL,
    created_at           BIGINT NOT NULL,
    last_seen_at         BIGINT NOT NULL,
    address              TEXT NOT NULL,
    agent                TEXT NOT NULL
);
CREATE INDEX sessions_of ON sessions (operator_id);

CREATE TABLE setup_codes (
    digest               BYTEA NOT NULL PRIMARY KEY,
    created_at           BIGINT NOT NULL,
    expires_at           BIGINT NOT NULL
);

-- Moves whenever an endpoint or a live token changes: every process watches it and reloads what it keeps in memory.
CREATE TABLE registry_version (
    id                   BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    version              BIGINT NOT NULL
);
INSERT INTO registry_version (id, version) VALUES (1, 1);

-- Keys of this installation that never leave it: what seals the cursors of lists.
CREATE TABLE server_keys (
    name   TEXT NOT NULL PRIMARY KEY,
    bytes  BYTEA NOT NULL
);
