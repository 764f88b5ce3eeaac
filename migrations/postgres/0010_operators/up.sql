-- When the password was last given in this session: what is sensitive asks for it again after a while.
ALTER TABLE sessions ADD COLUMN checked_at BIGINT NOT NULL DEFAULT 0;

-- An operator without a password (empty hash) sets one through a link. Only the digest of its code is kept.
CREATE TABLE operator_links (
    operator_id  TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES operators (id) ON DELETE CASCADE,
    digest       BYTEA  NOT NULL UNIQUE,
    created_at   BIGINT NOT NULL,
    created_by   TEXT   NOT NULL,
    expires_at   BIGINT NOT NULL
);
