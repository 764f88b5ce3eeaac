-- The first use of a token in full, beside the last.
ALTER TABLE token_usage ADD COLUMN first_address TEXT;
ALTER TABLE token_usage ADD COLUMN first_agent TEXT;
ALTER TABLE token_usage ADD COLUMN first_operation TEXT;

-- The addresses a token may come from (networks with commas between them; none: from anywhere), and for how many days
-- before its end the last warning was given.
ALTER TABLE tokens ADD COLUMN networks TEXT;
ALTER TABLE tokens ADD COLUMN warned_days INTEGER;

-- Requests of a token in one hour (hours since 1970). Kept for two days.
CREATE TABLE token_hours (
    token_id     TEXT    NOT NULL REFERENCES tokens (id) ON DELETE CASCADE,
    hour         INTEGER NOT NULL,
    endpoint_id  TEXT    NOT NULL,
    requests     INTEGER NOT NULL,
    PRIMARY KEY (token_id, hour)
) STRICT, WITHOUT ROWID;
CREATE INDEX token_hours_of ON token_hours (endpoint_id);
CREATE INDEX token_hours_by_age ON token_hours (hour);

-- Where else a token was tried: a dead one, or one at another endpoint's address.
CREATE INDEX refusals_of_token ON refusals (token_id);

-- What a token is: sent itself (bearer), or exchanged for access tokens (client: OAuth 2.0 client credentials).
ALTER TABLE tokens ADD COLUMN kind TEXT NOT NULL DEFAULT 'bearer';

-- What a client got for its secret, for an hour. Only the digest is kept; `token_id` is the client.
CREATE TABLE access_tokens (
    id           TEXT    NOT NULL PRIMARY KEY,
    endpoint_id  TEXT    NOT NULL,
    token_id     TEXT    NOT NULL REFERENCES tokens (id) ON DELETE CASCADE,
    digest       BLOB    NOT NULL,
    scope        TEXT    NOT NULL,
    issued_at    INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX access_tokens_of ON access_tokens (token_id, issued_at);
CREATE INDEX access_tokens_by_end ON access_tokens (expires_at);
