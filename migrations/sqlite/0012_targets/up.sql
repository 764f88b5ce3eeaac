-- Applications behind an endpoint that are kept equal to its directory.
CREATE TABLE targets (
    endpoint_id        TEXT    NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
    id                 TEXT    NOT NULL,
    kind               TEXT    NOT NULL,
    url                TEXT    NOT NULL,
    secret_sealed      TEXT,
    -- What else was chosen, as JSON.
    config             TEXT    NOT NULL,
    created_at         INTEGER NOT NULL,
    created_by         TEXT    NOT NULL,
    -- The last change of the endpoint's log that was taken in, and how far the first sync has come; NULL when it is over.
    taken_in           INTEGER NOT NULL,
    filled_to          TEXT,
    -- The circuit breaker: failures in a row, and until when nothing is tried.
    failures           INTEGER NOT NULL,
    open_until         INTEGER,
    import_asked_at    INTEGER,
    reconcile_asked_at INTEGER,
    -- What was seen of it last, as JSON.
    seen               TEXT    NOT NULL,
    PRIMARY KEY (endpoint_id, id)
) STRICT;

-- What a target has of each user, group and membership, and what is still to be done. A membership has a member.
CREATE TABLE target_items (
    endpoint_id   TEXT    NOT NULL,
    target_id     TEXT    NOT NULL,
    resource_id   TEXT    NOT NULL,
    member_id     TEXT    NOT NULL,
    kind          TEXT    NOT NULL,
    state         TEXT    NOT NULL,
    wanted        INTEGER NOT NULL,
    attempts      INTEGER NOT NULL,
    next_at       INTEGER NOT NULL,
    waiting_since INTEGER,
    done_at       INTEGER,
    reason        TEXT,
    remote_id     TEXT,
    remote_name   TEXT,
    imported      INTEGER NOT NULL,
    present       INTEGER NOT NULL,
    PRIMARY KEY (endpoint_id, target_id, resource_id, member_id),
    FOREIGN KEY (endpoint_id, target_id) REFERENCES targets (endpoint_id, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX target_items_due ON target_items (endpoint_id, target_id, state, kind, next_at);
CREATE INDEX target_items_of ON target_items (endpoint_id, resource_id, member_id);
CREATE INDEX target_items_of_member ON target_items (endpoint_id, target_id, member_id);
CREATE INDEX target_items_remote ON target_items (endpoint_id, target_id, kind, remote_id);

-- How long a deactivation took until every target had it.
CREATE TABLE deprovisions (
    endpoint_id TEXT    NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
    seq         INTEGER NOT NULL,
    resource_id TEXT    NOT NULL,
    name        TEXT    NOT NULL,
    began_at    INTEGER NOT NULL,
    done_at     INTEGER,
    PRIMARY KEY (endpoint_id, seq)
) STRICT;
CREATE INDEX deprovisions_of ON deprovisions (endpoint_id, resource_id);
CREATE INDEX deprovisions_by_time ON deprovisions (endpoint_id, began_at);
