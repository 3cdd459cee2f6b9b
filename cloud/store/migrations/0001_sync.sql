-- The sync protocol: ownership, nodes, cursors, journal, quarantine, the down log, reported documents, the outbox.

CREATE TABLE partition_term (
    part BIGINT PRIMARY KEY,
    term BIGINT NOT NULL
);
INSERT INTO partition_term (part, term)
WITH RECURSIVE n (part) AS (SELECT 0 UNION ALL SELECT part + 1 FROM n WHERE part < 255)
SELECT part, 0 FROM n;

CREATE TABLE node (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    store TEXT NOT NULL,
    part BIGINT NOT NULL,
    enrolled BOOLEAN NOT NULL,
    active BOOLEAN NOT NULL,
    reclaim BOOLEAN NOT NULL,
    epoch TEXT,
    session TEXT,
    mark BIGINT NOT NULL,
    open_term BIGINT,
    software TEXT NOT NULL,
    presence TEXT NOT NULL,
    since TIMESTAMPTZ,
    heard_at TIMESTAMPTZ,
    will_at TIMESTAMPTZ
);
CREATE INDEX node_by_store ON node (tenant, store);

-- What was applied of a node's stream. Mark, backlog and last commit stand here, so that a batch updates one row.
CREATE TABLE stream_cursor (
    node TEXT NOT NULL REFERENCES node (id),
    stream TEXT NOT NULL,
    epoch TEXT NOT NULL,
    seq BIGINT NOT NULL,
    mark BIGINT NOT NULL,
    poison_run BIGINT NOT NULL,
    pending BIGINT NOT NULL,
    applied BIGINT NOT NULL,
    quarantined BIGINT NOT NULL,
    committed_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (node, stream)
);

CREATE TABLE journal (
    source TEXT NOT NULL,
    id UUID NOT NULL,
    stream TEXT NOT NULL,
    epoch TEXT NOT NULL,
    seq BIGINT NOT NULL,
    event BYTEA NOT NULL,
    applied_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (source, id)
);
CREATE INDEX journal_by_age ON journal (applied_at);

CREATE TABLE quarantine (
    node TEXT NOT NULL,
    stream TEXT NOT NULL,
    epoch TEXT NOT NULL,
    seq BIGINT NOT NULL,
    event UUID NOT NULL,
    type_name TEXT NOT NULL,
    raw BYTEA NOT NULL,
    error TEXT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (node, stream, epoch, seq)
);
CREATE INDEX quarantine_by_age ON quarantine (at);

-- One log per node, cloud to store. This row is its lock: whoever allocates a seq updates it.
CREATE TABLE down_log (
    node TEXT PRIMARY KEY REFERENCES node (id),
    epoch TEXT NOT NULL,
    lineage JSONB NOT NULL,
    mark BIGINT NOT NULL,
    order_kept BIGINT NOT NULL,
    order_next BIGINT NOT NULL,
    order_high BIGINT NOT NULL,
    order_acked BIGINT NOT NULL,
    desired_kept BIGINT NOT NULL,
    desired_next BIGINT NOT NULL,
    desired_high BIGINT NOT NULL,
    desired_acked BIGINT NOT NULL,
    desired_base BIGINT NOT NULL
);

CREATE TABLE down_order (
    node TEXT NOT NULL REFERENCES node (id),
    seq BIGINT NOT NULL,
    id UUID NOT NULL,
    event BYTEA NOT NULL,
    crc BIGINT NOT NULL,
    relogof TEXT,
    applied_at TIMESTAMPTZ,
    PRIMARY KEY (node, seq)
);

CREATE TABLE down_document (
    node TEXT NOT NULL REFERENCES node (id),
    key TEXT NOT NULL,
    seq BIGINT NOT NULL,
    id UUID NOT NULL,
    event BYTEA NOT NULL,
    crc BIGINT NOT NULL,
    relogof TEXT,
    deleted BOOLEAN NOT NULL,
    applied_at TIMESTAMPTZ,
    PRIMARY KEY (node, key)
);
CREATE UNIQUE INDEX down_document_by_seq ON down_document (node, seq);
CREATE INDEX down_document_in_force ON down_document (node) WHERE NOT deleted;

CREATE TABLE reported (
    node TEXT NOT NULL REFERENCES node (id),
    key TEXT NOT NULL,
    epoch TEXT NOT NULL,
    seq BIGINT NOT NULL,
    body JSONB NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (node, key)
);

CREATE TABLE outbox (
    place BIGINT PRIMARY KEY,
    topic TEXT NOT NULL,
    key TEXT NOT NULL,
    payload JSONB NOT NULL,
    traceparent TEXT,
    at TIMESTAMPTZ NOT NULL
);

CREATE TABLE counter (
    name TEXT NOT NULL,
    key TEXT NOT NULL,
    value BIGINT NOT NULL,
    PRIMARY KEY (name, key)
);

-- Who did what to the data of others; the hash chain over it comes with the agents' desk.
CREATE TABLE audit (
    id UUID PRIMARY KEY,
    at TIMESTAMPTZ NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX audit_by_age ON audit (at);
