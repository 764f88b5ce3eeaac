-- A token that is being replaced, or was: one row from the begin of its rotation. Cancelled or taken back, the row goes.
CREATE TABLE token_rotations (
    token_id         TEXT    NOT NULL PRIMARY KEY REFERENCES tokens (id) ON DELETE CASCADE,
    endpoint_id      TEXT    NOT NULL,
    successor        TEXT    NOT NULL,
    began_at         INTEGER NOT NULL,
    began_by         TEXT    NOT NULL,
    quiet_for        INTEGER NOT NULL,
    retire_at        INTEGER,
    requests_before  INTEGER NOT NULL,
    retired_at       INTEGER,
    retired_by       TEXT
) STRICT;
CREATE INDEX token_rotations_open ON token_rotations (endpoint_id) WHERE retired_at IS NULL;
