-- The meaning of migrations/sqlite/0008_audit.
CREATE TABLE audit_log (
    position     BIGINT NOT NULL PRIMARY KEY,
    at           BIGINT NOT NULL,
    actor_kind   TEXT COLLATE "C" NOT NULL,
    actor_id     TEXT COLLATE "C" NOT NULL,
    actor_name   TEXT COLLATE "C" NOT NULL,
    address      TEXT COLLATE "C" NOT NULL,
    action       TEXT COLLATE "C" NOT NULL,
    endpoint_id  TEXT COLLATE "C",
    subject      TEXT COLLATE "C" NOT NULL,
    before       TEXT COLLATE "C",
    after        TEXT COLLATE "C",
    previous     BYTEA NOT NULL,
    hash         BYTEA NOT NULL
);
CREATE INDEX audit_log_endpoint ON audit_log (endpoint_id, position);
CREATE INDEX audit_log_action ON audit_log (action, subject);

CREATE TABLE audit_head (
    id        BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    position  BIGINT NOT NULL,
    hash      BYTEA NOT NULL
);
INSERT INTO audit_head (id, position, hash) VALUES (1, 0, decode(repeat('00', 32), 'hex'));
