-- A customer and everything with the customer as its one writer; sign-in.

CREATE TABLE customer (
    id UUID PRIMARY KEY,
    version BIGINT NOT NULL,
    language TEXT NOT NULL,
    consent_epoch BIGINT NOT NULL,
    paused_until TIMESTAMPTZ,
    hurried BOOLEAN NOT NULL,
    open_complaint BOOLEAN NOT NULL,
    context TEXT,
    context_at TIMESTAMPTZ,
    channels_off JSONB NOT NULL,
    affinity BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);

-- A keyed hash points to a person; the address itself is kept only sealed, because mail must be sent.
CREATE TABLE identifier (
    hash BYTEA PRIMARY KEY,
    customer UUID NOT NULL REFERENCES customer (id),
    sealed BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX identifier_by_customer ON identifier (customer);

CREATE TABLE sign_in (
    id UUID PRIMARY KEY,
    identifier BYTEA NOT NULL,
    code_hash BYTEA,
    tries_left BIGINT NOT NULL,
    issued_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX sign_in_by_identifier ON sign_in (identifier, issued_at);
CREATE INDEX sign_in_by_age ON sign_in (issued_at);

CREATE TABLE session (
    token_hash BYTEA PRIMARY KEY,
    customer UUID NOT NULL,
    identifier BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX session_by_customer ON session (customer);
CREATE INDEX session_by_age ON session (expires_at);

CREATE TABLE consent (
    id UUID PRIMARY KEY,
    customer UUID NOT NULL REFERENCES customer (id),
    purpose TEXT NOT NULL,
    channel TEXT,
    granted BOOLEAN NOT NULL,
    legal_text TEXT NOT NULL,
    text_version BIGINT NOT NULL,
    language TEXT NOT NULL,
    text_sha256 BYTEA NOT NULL,
    shown_sha256 BYTEA,
    method TEXT NOT NULL,
    occurred_at TIMESTAMPTZ NOT NULL,
    recorded_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ,
    supersedes UUID,
    epoch BIGINT NOT NULL
);
CREATE INDEX consent_by_customer ON consent (customer, occurred_at);

CREATE TABLE card (
    id UUID PRIMARY KEY,
    customer UUID NOT NULL REFERENCES customer (id),
    offer UUID NOT NULL,
    offer_rev BIGINT NOT NULL,
    visit UUID,
    candidate UUID NOT NULL,
    why JSONB NOT NULL,
    score DOUBLE PRECISION NOT NULL,
    until TIMESTAMPTZ NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    removed_at TIMESTAMPTZ,
    traceparent TEXT
);
CREATE INDEX card_live_by_customer ON card (customer, until) WHERE removed_at IS NULL;
CREATE INDEX card_by_offer ON card (offer, at);

-- Messages that were sent or hold a reservation, for caps and the attention budget.
CREATE TABLE send (
    candidate UUID PRIMARY KEY,
    customer UUID NOT NULL REFERENCES customer (id),
    channel TEXT NOT NULL,
    offer UUID,
    campaign UUID,
    category TEXT,
    visit UUID,
    cost_milli BIGINT NOT NULL,
    committed BOOLEAN NOT NULL,
    at TIMESTAMPTZ NOT NULL
);
CREATE INDEX send_by_customer ON send (customer, at);
CREATE INDEX send_by_visit ON send (visit);

CREATE TABLE outcome (
    customer UUID NOT NULL REFERENCES customer (id),
    channel TEXT NOT NULL,
    outcome TEXT NOT NULL,
    category TEXT,
    offer UUID,
    at TIMESTAMPTZ NOT NULL
);
CREATE INDEX outcome_by_customer ON outcome (customer, at);

CREATE TABLE bookmark (
    customer UUID NOT NULL REFERENCES customer (id),
    offer UUID NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (customer, offer)
);

-- Undecided or deferred messages; due is the durable timer.
CREATE TABLE candidate (
    id UUID PRIMARY KEY,
    customer UUID NOT NULL REFERENCES customer (id),
    kind TEXT NOT NULL,
    channel TEXT NOT NULL,
    offer UUID,
    category TEXT,
    title JSONB NOT NULL,
    body JSONB NOT NULL,
    relevance DOUBLE PRECISION,
    value DOUBLE PRECISION NOT NULL,
    valid_until TIMESTAMPTZ NOT NULL,
    due TIMESTAMPTZ NOT NULL,
    traceparent TEXT,
    at TIMESTAMPTZ NOT NULL
);
CREATE INDEX candidate_by_customer ON candidate (customer);
CREATE INDEX candidate_by_due ON candidate (due);

CREATE TABLE decision (
    id UUID PRIMARY KEY,
    candidate UUID NOT NULL,
    customer UUID NOT NULL REFERENCES customer (id),
    offer UUID,
    title JSONB NOT NULL,
    channel TEXT NOT NULL,
    store TEXT,
    visit UUID,
    sent BOOLEAN NOT NULL,
    clause BIGINT,
    reason TEXT NOT NULL,
    score DOUBLE PRECISION,
    propensity DOUBLE PRECISION,
    why JSONB NOT NULL,
    inputs JSONB NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    traceparent TEXT
);
-- One final verdict per candidate (G1).
CREATE UNIQUE INDEX decision_by_candidate ON decision (candidate);
CREATE INDEX decision_by_time ON decision (at, id);
CREATE INDEX decision_by_customer ON decision (customer, at, id);
CREATE INDEX decision_by_offer ON decision (offer, at, id);
CREATE INDEX decision_by_visit ON decision (visit, at, id);
CREATE INDEX decision_by_store ON decision (store, at, id);

CREATE TABLE sale (
    source_ref TEXT PRIMARY KEY,
    customer UUID NOT NULL REFERENCES customer (id),
    hash BYTEA NOT NULL,
    at TIMESTAMPTZ NOT NULL
);

CREATE TABLE dialogue (
    id UUID PRIMARY KEY,
    customer UUID NOT NULL REFERENCES customer (id),
    store TEXT NOT NULL,
    display TEXT,
    offer UUID,
    lines JSONB NOT NULL,
    done BOOLEAN NOT NULL,
    at TIMESTAMPTZ NOT NULL
);
CREATE INDEX dialogue_by_customer ON dialogue (customer);

-- Answers to requests that carried an Idempotency-Key.
CREATE TABLE answer (
    key TEXT PRIMARY KEY,
    request_hash BYTEA NOT NULL,
    status BIGINT NOT NULL,
    body BYTEA NOT NULL,
    at TIMESTAMPTZ NOT NULL
);
CREATE INDEX answer_by_age ON answer (at);
