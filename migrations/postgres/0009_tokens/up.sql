-- The meaning of migrations/sqlite/0009_tokens.
ALTER TABLE token_usage ADD COLUMN first_address TEXT COLLATE "C";
ALTER TABLE token_usage ADD COLUMN first_agent TEXT COLLATE "C";
ALTER TABLE token_usage ADD COLUMN first_operation TEXT COLLATE "C";

ALTER TABLE tokens ADD COLUMN networks TEXT COLLATE "C";
ALTER TABLE tokens ADD COLUMN warned_days BIGINT;

CREATE TABLE token_hours (
    token_id     TEXT COLLATE "C" NOT NULL REFERENCES tokens (id) ON DELETE CASCADE,
    hour         BIGINT NOT NULL,
    endpoint_id  TEXT COLLATE "C" NOT NULL,
    requests     BIGINT NOT NULL,
    PRIMARY KEY (token_id, hour)
);
CREATE INDEX token_hours_of ON token_hours (endpoint_id);
CREATE INDEX token_hours_by_age ON token_hours (hour);

CREATE INDEX refusals_of_token ON refusals (token_id);

ALTER TABLE tokens ADD COLUMN kind TEXT COLLATE "C" NOT NULL DEFAULT 'bearer';

CREATE TABLE access_tokens (
    id           TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    endpoint_id  TEXT COLLATE "C" NOT NULL,
    token_id     TEXT COLLATE "C" NOT NULL REFERENCES tokens (id) ON DELETE CASCADE,
    digest       BYTEA NOT NULL,
    scope        TEXT COLLATE "C" NOT NULL,
    issued_at    BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL
);
CREATE INDEX access_tokens_of ON access_tokens (token_id, issued_at);
CREATE INDEX access_tokens_by_end ON access_tokens (expires_at);
