-- The meaning of migrations/sqlite/0011_webhooks.
CREATE TABLE webhooks (
    id             TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    endpoint_id    TEXT COLLATE "C" REFERENCES endpoints (id) ON DELETE CASCADE,
    tenant         TEXT COLLATE "C",
    tenant_key     TEXT COLLATE "C",
    url            TEXT COLLATE "C" NOT NULL,
    label          TEXT COLLATE "C" NOT NULL,
    types          TEXT COLLATE "C" NOT NULL,
    created_at     BIGINT NOT NULL,
    created_by     TEXT COLLATE "C" NOT NULL,
    paused_at      BIGINT,
    paused_by      TEXT COLLATE "C",
    paused_why     TEXT COLLATE "C",
    failing_since  BIGINT,
    last_ok_at     BIGINT,
    missed         BIGINT NOT NULL,
    CHECK ((endpoint_id IS NULL) <> (tenant_key IS NULL))
);
CREATE INDEX webhooks_of_endpoint ON webhooks (endpoint_id);
CREATE INDEX webhooks_of_tenant ON webhooks (tenant_key);

CREATE TABLE webhook_secrets (
    webhook_id     TEXT COLLATE "C" NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    id             TEXT COLLATE "C" NOT NULL,
    kind           TEXT COLLATE "C" NOT NULL,
    secret_sealed  TEXT COLLATE "C" NOT NULL,
    public_key     TEXT COLLATE "C",
    created_at     BIGINT NOT NULL,
    expires_at     BIGINT,
    PRIMARY KEY (webhook_id, id)
);

CREATE TABLE webhook_cursors (
    endpoint_id    TEXT COLLATE "C" NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
    webhook_id     TEXT COLLATE "C" NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    seq            BIGINT NOT NULL,
    PRIMARY KEY (endpoint_id, webhook_id)
);
CREATE INDEX webhook_cursors_of ON webhook_cursors (webhook_id);

CREATE TABLE webhook_deliveries (
    endpoint_id    TEXT COLLATE "C" NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
    webhook_id     TEXT COLLATE "C" NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    seq            BIGINT NOT NULL,
    part           BIGINT NOT NULL,
    event          TEXT COLLATE "C" NOT NULL,
    resource_id    TEXT COLLATE "C" NOT NULL,
    resource_name  TEXT COLLATE "C" NOT NULL,
    state          TEXT COLLATE "C" NOT NULL,
    attempts       BIGINT NOT NULL,
    created_at     BIGINT NOT NULL,
    due_at         BIGINT NOT NULL,
    first_at       BIGINT,
    last_at        BIGINT,
    last_status    BIGINT,
    last_error     TEXT COLLATE "C",
    last_ms        BIGINT,
    PRIMARY KEY (endpoint_id, webhook_id, seq, part)
);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook_id, state, due_at);
CREATE INDEX webhook_deliveries_order ON webhook_deliveries (webhook_id, endpoint_id, resource_id, state, seq, part);
CREATE INDEX webhook_deliveries_log ON webhook_deliveries (webhook_id, endpoint_id, created_at, seq, part);
CREATE INDEX webhook_deliveries_old ON webhook_deliveries (state, last_at);
