-- Who does a background job at present. A lease that has run out may be taken by anybody.
CREATE TABLE leases (
    name    TEXT    NOT NULL PRIMARY KEY,
    holder  TEXT    NOT NULL,
    until   INTEGER NOT NULL
) STRICT;

-- Up to which number an endpoint's change log has been shortened; no row: it is whole. Apart from endpoint_progress,
-- whose row every writer of the endpoint waits for.
CREATE TABLE change_floors (
    endpoint_id   TEXT    NOT NULL PRIMARY KEY REFERENCES endpoints (id) ON DELETE CASCADE,
    pruned_up_to  INTEGER NOT NULL
) STRICT;

-- When the removal of an endpoint from the bin began: from then on it cannot be taken out again.
ALTER TABLE endpoints ADD COLUMN purge_began_at INTEGER;
