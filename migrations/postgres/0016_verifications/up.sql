CREATE TABLE verifications (
    endpoint_id    TEXT COLLATE "C" NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
    id             TEXT COLLATE "C" NOT NULL,
    idp            TEXT COLLATE "C" NOT NULL,
    passed         BIGINT NOT NULL,
    failed         BIGINT NOT NULL,
    began_at       BIGINT NOT NULL,
    took_ms        BIGINT NOT NULL,
    made_by        TEXT COLLATE "C" NOT NULL,
    report         TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (endpoint_id, id)
);
