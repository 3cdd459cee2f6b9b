-- What marketers publish: campaigns, offers, products, legal texts.

CREATE TABLE campaign (
    id UUID PRIMARY KEY,
    name TEXT NOT NULL,
    starts_at TIMESTAMPTZ NOT NULL,
    ends_at TIMESTAMPTZ NOT NULL,
    cap_per_day BIGINT NOT NULL,
    paused BOOLEAN NOT NULL
);

CREATE TABLE offer (
    id UUID PRIMARY KEY,
    campaign UUID NOT NULL,
    state TEXT NOT NULL,
    rev BIGINT NOT NULL,
    draft JSONB NOT NULL,
    published JSONB,
    changed_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX offer_by_change ON offer (changed_at);

-- Every revision that was ever published: a card or play of an old one still says what was shown.
CREATE TABLE offer_revision (
    offer UUID NOT NULL REFERENCES offer (id),
    rev BIGINT NOT NULL,
    published JSONB NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (offer, rev)
);

CREATE TABLE product (
    sku TEXT PRIMARY KEY,
    body JSONB NOT NULL
);

-- A published version is never edited: nothing in this crate updates a row of this table.
CREATE TABLE legal_text (
    id TEXT NOT NULL,
    version BIGINT NOT NULL,
    language TEXT NOT NULL,
    body JSONB NOT NULL,
    PRIMARY KEY (id, version, language)
);
