-- Visits as stores report them, what opens them, and what screens and NFC displays report.

CREATE TABLE visit (
    id UUID PRIMARY KEY,
    tenant TEXT NOT NULL,
    store TEXT NOT NULL,
    node TEXT NOT NULL,
    token BYTEA NOT NULL,
    customer UUID,
    method TEXT NOT NULL,
    touchpoint TEXT NOT NULL,
    opened_at TIMESTAMPTZ NOT NULL,
    seen_at TIMESTAMPTZ NOT NULL,
    zone TEXT,
    closed_at TIMESTAMPTZ,
    closed_reason TEXT,
    prev_visit UUID,
    version BIGINT NOT NULL,
    traceparent TEXT
);
CREATE UNIQUE INDEX visit_open_by_customer ON visit (customer) WHERE closed_at IS NULL;
CREATE INDEX visit_by_customer ON visit (customer, opened_at);
CREATE INDEX visit_by_opening ON visit (opened_at);
CREATE INDEX visit_open_by_store ON visit (store) WHERE closed_at IS NULL;

CREATE TABLE pass (
    id UUID PRIMARY KEY,
    customer UUID NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    used_by UUID
);
CREATE INDEX pass_by_age ON pass (expires_at);

-- A code's nonce, once the cloud has acted on it.
CREATE TABLE code_used (
    store TEXT NOT NULL,
    nonce BIGINT NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (store, nonce)
);
CREATE INDEX code_used_by_age ON code_used (expires_at);

-- An order to admit a visit, so that its outcome finds the customer who waits for it.
CREATE TABLE admission (
    order_id UUID PRIMARY KEY,
    customer UUID NOT NULL,
    store TEXT NOT NULL,
    at TIMESTAMPTZ NOT NULL
);

CREATE TABLE play (
    node TEXT NOT NULL,
    screen TEXT NOT NULL,
    boot UUID NOT NULL,
    seq BIGINT NOT NULL,
    offer UUID,
    offer_rev BIGINT,
    event TEXT NOT NULL,
    zone TEXT NOT NULL,
    rule TEXT NOT NULL,
    outcome TEXT NOT NULL,
    started_at TIMESTAMPTZ NOT NULL,
    duration_ms BIGINT NOT NULL,
    clock_synced BOOLEAN NOT NULL,
    display_power TEXT NOT NULL,
    PRIMARY KEY (node, screen, boot, seq)
);
CREATE INDEX play_by_offer ON play (offer, started_at);

CREATE TABLE tap (
    id UUID PRIMARY KEY,
    node TEXT NOT NULL,
    display TEXT NOT NULL,
    zone TEXT NOT NULL,
    offer UUID,
    at TIMESTAMPTZ NOT NULL
);
