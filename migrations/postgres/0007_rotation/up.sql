-- The meaning of migrations/sqlite/0007_rotation.
CREATE TABLE token_rotations (
    token_id         TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES tokens (id) ON DELETE CASCADE,
    endpoint_id      TEXT COLLATE "C" NOT NULL,
    successor        TEXT COLLATE "C" NOT NULL,
    began_at         BIGINT NOT NULL,
    began_by         TEXT COLLATE "C" NOT NULL,
    quiet_for        BIGINT NOT NULL,
    retire_at        BIGINT,
    requests_before  BIGINT NOT NULL,
    retired_at       BIGINT,
    retired_by       TEXT COLLATE "C"
);
CREATE INDEX token_rotations_open ON token_rotations (endpoint_id) WHERE retired_at IS NULL;
