-- The meaning of migrations/sqlite/0004_operations.
CREATE TABLE leases (
    name    TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    holder  TEXT COLLATE "C" NOT NULL,
    until   BIGINT NOT NULL
);

CREATE TABLE change_floors (
    endpoint_id   TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES endpoints (id) ON DELETE CASCADE,
    pruned_up_to  BIGINT NOT NULL
);

ALTER TABLE endpoints ADD COLUMN purge_began_at BIGINT;
