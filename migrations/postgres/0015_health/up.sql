-- The meaning of migrations/sqlite/0015_health.
CREATE TABLE endpoint_hours (
    endpoint_id  TEXT COLLATE "C" NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
    hour         BIGINT NOT NULL,
    requests     BIGINT NOT NULL,
    changes      BIGINT NOT NULL,
    refused      BIGINT NOT NULL,
    denied       BIGINT NOT NULL,
    limited      BIGINT NOT NULL,
    failed       BIGINT NOT NULL,
    PRIMARY KEY (endpoint_id, hour)
);
CREATE INDEX endpoint_hours_by_age ON endpoint_hours (hour);

CREATE TABLE endpoint_health (
    endpoint_id    TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES endpoints (id) ON DELETE CASCADE,
    last_heard     BIGINT,
    usual          BIGINT,
    quiet_days     BIGINT NOT NULL DEFAULT 0,
    patience       BIGINT,
    learned_at     BIGINT,
    silent_at      BIGINT,
    told_at        BIGINT,
    asked          BIGINT NOT NULL DEFAULT 0,
    refused        BIGINT NOT NULL DEFAULT 0,
    failing_since  BIGINT,
    stranger       TEXT COLLATE "C"
);
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

CREATE INDEX refusals_by_time ON refusals (last_at);
CREATE INDEX tokens_by_end ON tokens (expires_at) WHERE expires_at IS NOT NULL AND revoked_at IS NULL;
CREATE INDEX endpoints_by_status ON endpoints (status, name_key, id);

ALTER TABLE observations ADD COLUMN request_id TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE observations ADD COLUMN shape TEXT COLLATE "C" NOT NULL DEFAULT '';
