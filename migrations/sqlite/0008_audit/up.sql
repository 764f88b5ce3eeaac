-- Who did what, one row per act, in one chain: `hash` is SHA-256 over the hash before it and all fields of the row. Rows
-- are only ever added. No row points to an endpoint: the log outlives what it tells of.
CREATE TABLE audit_log (
    position     INTEGER NOT NULL PRIMARY KEY,
    at           INTEGER NOT NULL,
    actor_kind   TEXT    NOT NULL,
    actor_id     TEXT    NOT NULL,
    actor_name   TEXT    NOT NULL,
    address      TEXT    NOT NULL,
    action       TEXT    NOT NULL,
    endpoint_id  TEXT,
    subject      TEXT    NOT NULL,
    before       TEXT,
    after        TEXT,
    previous     BLOB    NOT NULL,
    hash         BLOB    NOT NULL
) STRICT;
CREATE INDEX audit_log_endpoint ON audit_log (endpoint_id, position);
CREATE INDEX audit_log_action ON audit_log (action, subject);

-- The end of the chain. Whoever adds to it locks this row, so that two servers cannot fork it; it also tells when the
-- last rows were taken away.
CREATE TABLE audit_head (
    id        INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    position  INTEGER NOT NULL,
    hash      BLOB    NOT NULL
) STRICT;
INSERT INTO audit_head (id, position, hash) VALUES (1, 0, zeroblob(32));
