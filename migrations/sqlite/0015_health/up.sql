-- What an endpoint answered in each hour: the base of its rhythm, its errors and its silence. Kept for 35 days.
CREATE TABLE endpoint_hours (
    endpoint_id  TEXT NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
    hour         INTEGER NOT NULL,
    requests     INTEGER NOT NULL,
    changes      INTEGER NOT NULL,
    refused      INTEGER NOT NULL,
    denied       INTEGER NOT NULL,
    limited      INTEGER NOT NULL,
    failed       INTEGER NOT NULL,
    PRIMARY KEY (endpoint_id, hour)
) STRICT, WITHOUT ROWID;
CREATE INDEX endpoint_hours_by_age ON endpoint_hours (hour);

-- One row for each endpoint: what a list of all of them is sorted and searched by, so that it need not count.
CREATE TABLE endpoint_health (
    endpoint_id    TEXT NOT NULL PRIMARY KEY REFERENCES endpoints (id) ON DELETE CASCADE,
    last_heard     INTEGER,
    usual          INTEGER,
    quiet_days     INTEGER NOT NULL DEFAULT 0,
    patience       INTEGER,
    learned_at     INTEGER,
    silent_at      INTEGER,
    told_at        INTEGER,
    asked          INTEGER NOT NULL DEFAULT 0,
    refused        INTEGER NOT NULL DEFAULT 0,
    failing_since  INTEGER,
    stranger       TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX endpoint_health_heard ON endpoint_health (last_heard);
CREATE INDEX endpoint_health_silent ON endpoint_health (silent_at);
CREATE INDEX endpoint_health_refused ON endpoint_health (refused);
CREATE INDEX endpoint_health_failing ON endpoint_health (failing_since) WHERE failing_since IS NOT NULL;
CREATE INDEX endpoint_health_stranger ON endpoint_health (stranger) WHERE stranger IS NOT NULL;
CREATE INDEX endpoint_health_learned ON endpoint_health (learned_at);
INSERT INTO endpoint_health (endpoint_id, last_heard)
    SELECT e.id, (SELECT max(u.last_at) FROM tokens t JOIN token_usage u ON u.token_id = t.id
                  WHERE t.endpoint_id = e.id AND t.revoked_at IS NULL)
    FROM endpoints e;

-- What needs a hand is looked up across all endpoints, the latest first.
CREATE INDEX refusals_by_time ON refusals (last_at);
CREATE INDEX tokens_by_end ON tokens (expires_at) WHERE expires_at IS NOT NULL AND revoked_at IS NULL;
CREATE INDEX endpoints_by_status ON endpoints (status, name_key, id);

-- The request that a noticed thing came with, and what a dropped attribute looked like.
ALTER TABLE observations ADD COLUMN request_id TEXT NOT NULL DEFAULT '';
ALTER TABLE observations ADD COLUMN shape TEXT NOT NULL DEFAULT '';
