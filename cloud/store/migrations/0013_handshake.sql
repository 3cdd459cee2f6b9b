-- Digital handshakes: who offered advice, who claimed it, what was granted until when; and the records of consent, which are only ever added.

CREATE TABLE handshake (
    id BYTEA PRIMARY KEY,
    store TEXT NOT NULL,
    node TEXT NOT NULL,
    -- Commitment, member of staff, tablet, what they would like to see: as the store said it.
    offer JSONB NOT NULL,
    offered_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    -- offered, claimed, active, over: each step is taken from the one before it, or not at all.
    state TEXT NOT NULL,
    customer UUID,
    visit UUID,
    grant_id UUID,
    pseudonym UUID NOT NULL,
    scopes JSONB NOT NULL,
    granted_at TIMESTAMPTZ,
    until TIMESTAMPTZ,
    -- Of the lease; rises with each renewal.
    seq BIGINT NOT NULL,
    ended_at TIMESTAMPTZ,
    outcome TEXT
);
CREATE INDEX handshake_customer ON handshake (customer);

CREATE TABLE handshake_record (
    -- Of a grant: what the phone drew, so that a second use is found out.
    id UUID PRIMARY KEY,
    customer UUID NOT NULL,
    handshake BYTEA NOT NULL REFERENCES handshake (id),
    -- Place in the chain of this customer's records: two writers cannot both have the next.
    place BIGINT NOT NULL,
    record TEXT NOT NULL,
    sha256 BYTEA NOT NULL,
    signature BYTEA NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    UNIQUE (customer, place)
);

-- What customers tell about themselves to share it with an adviser; sealed like addresses.
CREATE TABLE about_me (
    customer UUID PRIMARY KEY,
    sealed BYTEA NOT NULL,
    at TIMESTAMPTZ NOT NULL
);
