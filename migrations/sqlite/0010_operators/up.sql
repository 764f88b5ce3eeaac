-- When the password was last given in this session: what is sensitive asks for it again after a while.
ALTER TABLE sessions ADD COLUMN checked_at INTEGER NOT NULL DEFAULT 0;

-- An operator without a password (empty hash) sets one through a link. Only the digest of its code is kept.
CREATE TABLE operator_links (
    operator_id  TEXT    NOT NULL PRIMARY KEY REFERENCES operators (id) ON DELETE CASCADE,
    digest       BLOB    NOT NULL UNIQUE,
    created_at   INTEGER NOT NULL,
    created_by   TEXT    NOT NULL,
    expires_at   INTEGER NOT NULL
) STRICT;

-- The second factor: the secret of an authenticator app, sealed; since when it counts; the step of the last code, so that
-- no code opens twice.
ALTER TABLE operators ADD COLUMN totp_sealed TEXT;
ALTER TABLE operators ADD COLUMN totp_since INTEGER;
ALTER TABLE operators ADD COLUMN totp_step INTEGER;

-- Stand in for the app when it is lost. Only digests are kept; one is removed by its use.
CREATE TABLE recovery_codes (
    operator_id  TEXT    NOT NULL REFERENCES operators (id) ON DELETE CASCADE,
    digest       BLOB    NOT NULL,
    PRIMARY KEY (operator_id, digest)
) STRICT, WITHOUT ROWID;

-- Who gave the right password and has still to give the second factor. Only the digest of the secret is kept.
CREATE TABLE sign_in_steps (
    digest       BLOB    NOT NULL PRIMARY KEY,
    operator_id  TEXT    NOT NULL REFERENCES operators (id) ON DELETE CASCADE,
    created_at   INTEGER NOT NULL
) STRICT;

-- The tenants to whose endpoints an operator is limited, as a JSON list; NULL for no limit.
ALTER TABLE operators ADD COLUMN tenants TEXT;

-- Links for the administrator of a customer's identity provider. Of the code and of the session's secret only digests are kept.
CREATE TABLE guest_links (
    id              TEXT NOT NULL PRIMARY KEY,
    endpoint_id     TEXT NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
    digest          BLOB NOT NULL UNIQUE,
    may_issue       INTEGER NOT NULL CHECK (may_issue IN (0, 1)),
    created_at      INTEGER NOT NULL,
    created_by      TEXT NOT NULL,
    expires_at      INTEGER NOT NULL,
    opened_at       INTEGER,
    opened_from     TEXT,
    session_digest  BLOB UNIQUE,
    csrf            TEXT,
    token_id        TEXT,
    revoked_at      INTEGER,
    revoked_by      TEXT
) STRICT;
CREATE INDEX guest_links_of ON guest_links (endpoint_id, created_at);
