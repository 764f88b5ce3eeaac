-- The meaning of migrations/sqlite/0012_targets.
-- Applications behind an endpoint that are kept equal to its directory.
CREATE TABLE targets (
    endpoint_id        TEXT COLLATE "C" NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
    id                 TEXT COLLATE "C" NOT NULL,
    kind               TEXT COLLATE "C" NOT NULL,
    url                TEXT COLLATE "C" NOT NULL,
    secret_sealed      TEXT COLLATE "C",
    -- What else was chosen, as JSON.
    config             TEXT COLLATE "C" NOT NULL,
    created_at         BIGINT NOT NULL,
    created_by         TEXT COLLATE "C" NOT NULL,
    -- The last change of the endpoint's log that was taken in, and how far the first sync has come; NULL when it is over.
    taken_in           BIGINT NOT NULL,
    filled_to          TEXT COLLATE "C",
    -- The circuit breaker: failures in a row, and until when nothing is tried.
    failures           BIGINT NOT NULL,
    open_until         BIGINT,
    import_asked_at    BIGINT,
    reconcile_asked_at BIGINT,
    -- What was seen of it last, as JSON.
    seen               TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (endpoint_id, id)
);

-- What a target has of each user, group and membership, and what is still to be done. A membership has a member.
CREATE TABLE target_items (
    endpoint_id   TEXT COLLATE "C" NOT NULL,
    target_id     TEXT COLLATE "C" NOT NULL,
    resource_id   TEXT COLLATE "C" NOT NULL,
    member_id     TEXT COLLATE "C" NOT NULL,
    kind          TEXT COLLATE "C" NOT NULL,
    state         TEXT COLLATE "C" NOT NULL,
    wanted        BIGINT NOT NULL,
    attempts      BIGINT NOT NULL,
    next_at       BIGINT NOT NULL,
    waiting_since BIGINT,
    done_at       BIGINT,
    reason        TEXT COLLATE "C",
    remote_id     TEXT COLLATE "C",
    remote_name   TEXT COLLATE "C",
    imported      BOOLEAN NOT NULL,
    present       BOOLEAN NOT NULL,
    PRIMARY KEY (endpoint_id, target_id, resource_id, member_id),
    FOREIGN KEY (endpoint_id, target_id) REFERENCES targets (endpoint_id, id) ON DELETE CASCADE
);
CREATE INDEX target_items_due ON target_items (endpoint_id, target_id, state, kind, next_at);
CREATE INDEX target_items_of ON target_items (endpoint_id, resource_id, member_id);
CREATE INDEX target_items_of_member ON target_items (endpoint_id, target_id, member_id);
CREATE INDEX target_items_remote ON target_items (endpoint_id, target_id, kind, remote_id);

-- How long a deactivation took until every target had it.
CREATE TABLE deprovisions (
    endpoint_id TEXT COLLATE "C" NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
    seq         BIGINT NOT NULL,
    resource_id TEXT COLLATE "C" NOT NULL,
    name        TEXT COLLATE "C" NOT NULL,
    began_at    BIGINT NOT NULL,
    done_at     BIGINT,
    PRIMARY KEY (endpoint_id, seq)
);
CREATE INDEX deprovisions_of ON deprovisions (endpoint_id, resource_id);
CREATE INDEX deprovisions_by_time ON deprovisions (endpoint_id, began_at);
