-- Keys with which programs use the management API in the name of an operator. Only the digest is kept.
CREATE TABLE api_keys (
    id            TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    operator_id   TEXT COLLATE "C" NOT NULL REFERENCES operators (id) ON DELETE CASCADE,
    digest        BYTEA  NOT NULL,
    label         TEXT   NOT NULL,
    created_at    BIGINT NOT NULL,
    created_by    TEXT   NOT NULL,
    expires_at    BIGINT,
    revoked_at    BIGINT,
    revoked_by    TEXT,
    request_key   TEXT COLLATE "C" UNIQUE,
    requests      BIGINT NOT NULL,
    last_at       BIGINT,
    last_address  TEXT,
    last_agent    TEXT,
    last_request  TEXT
);
CREATE INDEX api_keys_of ON api_keys (operator_id, created_at);

-- What was made by a request with an Idempotency-Key, so that the same request makes it once.
CREATE TABLE api_requests (
    operator_id  TEXT COLLATE "C" NOT NULL REFERENCES operators (id) ON DELETE CASCADE,
    key_digest   BYTEA  NOT NULL,
    fingerprint  BYTEA  NOT NULL,
    made         TEXT COLLATE "C" NOT NULL,
    created_at   BIGINT NOT NULL,
    PRIMARY KEY (operator_id, key_digest)
);
CREATE INDEX api_requests_by_age ON api_requests (created_at);
