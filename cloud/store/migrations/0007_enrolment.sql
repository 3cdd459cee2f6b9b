-- Who may be a node: one-time claims, the certificates they gave, and nodes that may not come back by a configuration alone.

CREATE TABLE certificate (
    fingerprint BYTEA PRIMARY KEY,
    node TEXT NOT NULL REFERENCES node (id),
    serial BYTEA NOT NULL,
    key_hash BYTEA NOT NULL,
    pem TEXT NOT NULL,
    not_after TIMESTAMPTZ NOT NULL,
    revoked_at TIMESTAMPTZ
);
CREATE INDEX certificate_by_node ON certificate (node);

CREATE TABLE claim (
    hash BYTEA PRIMARY KEY,
    node TEXT NOT NULL,
    replaces TEXT,
    made_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    certificate BYTEA REFERENCES certificate (fingerprint)
);

CREATE TABLE revocation (
    node TEXT PRIMARY KEY REFERENCES node (id),
    at TIMESTAMPTZ NOT NULL
);
