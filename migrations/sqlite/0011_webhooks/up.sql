-- Where events of an endpoint, or of all endpoints of a tenant, are sent to. `types` is a JSON list of patterns.
CREATE TABLE webhooks (
    id             TEXT    NOT NULL PRIMARY KEY,
    endpoint_id    TEXT    REFERENCES endpoints (id) ON DELETE CASCADE,
    tenant         TEXT,
    tenant_key     TEXT,
    url            TEXT    NOT NULL,
    label          TEXT    NOT NULL,
    types          TEXT    NOT NULL,
    created_at     INTEGER NOT NULL,
    created_by     TEXT    NOT NULL,
    paused_at      INTEGER,
    paused_by      TEXT,
    paused_why     TEXT,
    failing_since  INTEGER,
    last_ok_at     INTEGER,
    missed         INTEGER NOT NULL,
    CHECK ((endpoint_id IS NULL) <> (tenant_key IS NULL))
) STRICT;
CREATE INDEX webhooks_of_endpoint ON webhooks (endpoint_id);
CREATE INDEX webhooks_of_tenant ON webhooks (tenant_key);

-- What a webhook signs with; two may live side by side while one replaces the other.
CREATE TABLE webhook_secrets (
    webhook_id     TEXT    NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    id             TEXT    NOT NULL,
    kind           TEXT    NOT NULL,
    secret_sealed  TEXT    NOT NULL,
    public_key     TEXT,
    created_at     INTEGER NOT NULL,
    expires_at     INTEGER,
    PRIMARY KEY (webhook_id, id)
) STRICT;

-- How far the change log of an endpoint has been turned into deliveries.
CREATE TABLE webhook_cursors (
    endpoint_id    TEXT    NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
    webhook_id     TEXT    NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    seq            INTEGER NOT NULL,
    PRIMARY KEY (endpoint_id, webhook_id)
) STRICT;
CREATE INDEX webhook_cursors_of ON webhook_cursors (webhook_id);

-- One row per event and webhook. What is sent is made from the change log, so no content stands here. A negative number
-- is that of a test.
CREATE TABLE webhook_deliveries (
    endpoint_id    TEXT    NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
    webhook_id     TEXT    NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    seq            INTEGER NOT NULL,
    part           INTEGER NOT NULL,
    event          TEXT    NOT NULL,
    resource_id    TEXT    NOT NULL,
    resource_name  TEXT    NOT NULL,
    state          TEXT    NOT NULL,
    attempts       INTEGER NOT NULL,
    created_at     INTEGER NOT NULL,
    due_at         INTEGER NOT NULL,
    first_at       INTEGER,
    last_at        INTEGER,
    last_status    INTEGER,
    last_error     TEXT,
    last_ms        INTEGER,
    PRIMARY KEY (endpoint_id, webhook_id, seq, part)
) STRICT;
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook_id, state, due_at);
CREATE INDEX webhook_deliveries_order ON webhook_deliveries (webhook_id, endpoint_id, resource_id, state, seq, part);
CREATE INDEX webhook_deliveries_log ON webhook_deliveries (webhook_id, endpoint_id, created_at, seq, part);
CREATE INDEX webhook_deliveries_old ON webhook_deliveries (state, last_at);
