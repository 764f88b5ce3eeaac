-- Scenarios of identity providers that were played against a twin of an endpoint. `report` is JSON: the steps, with what was
-- sent, expected and received.
CREATE TABLE verifications (
    endpoint_id    TEXT    NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
    id             TEXT    NOT NULL,
    idp            TEXT    NOT NULL,
    passed         INTEGER NOT NULL,
    failed         INTEGER NOT NULL,
    began_at       INTEGER NOT NULL,
    took_ms        INTEGER NOT NULL,
    made_by        TEXT    NOT NULL,
    report         TEXT    NOT NULL,
    PRIMARY KEY (endpoint_id, id)
) STRICT;
