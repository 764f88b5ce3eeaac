-- Keys with which programs use the management API in the name of an operator. Only the digest is kept.
CREATE TABLE api_keys (
    id            TEXT    NOT NULL PRIMARY KEY,
    operator_id   TEXT    NOT NULL REFERENCES operators (id) ON DELETE CASCADE,
    digest        BLOB    NOT NULL,
    label         TEXT    NOT NULL,
    created_at    INTEGER NOT NULL,
    created_by    TEXT    NOT NULL,
    expires_at    INTEGER,
    revoked_at    INTEGER,
    revoked_by    TEXT,
    request_key   TEXT    UNIQUE,
    requests      INTEGER NOT NULL,
    last_at       INTEGER,
    last_address  TEXT,
    last_agent    TEXT,
    last_request  TEXT
) STRICT;
CREATE INDEX api_keys_of ON api_keys (operator_id, created_at);

-- What was made by a request with an Idempotency-Key, so that the same request makes it once.
CREATE TABLE api_requests (
    operator_id  TEXT    NOT NULL REFERENCES operators (id) ON DELETE CASCADE,
    key_digest   BLOB    NOT NULL,
    fingerprint  BLOB    NOT NULL,
    made         TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    PRIMARY KEY (operator_id, key_digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX api_requests_by_age ON api_requests (created_at);
