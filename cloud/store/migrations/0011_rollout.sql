-- A desired document on its way to a cohort of stores. One row per store says how far it is there and what it had before.

CREATE TABLE rollout (
    id UUID PRIMARY KEY,
    name TEXT NOT NULL,
    key TEXT NOT NULL,
    -- Texts, not JSONB: a store compares bodies as they are written.
    body TEXT NOT NULL,
    terms JSONB NOT NULL,
    -- Rises with each step: two who act at once cannot both be right.
    version BIGINT NOT NULL,
    phase TEXT NOT NULL,
    reason TEXT,
    wave BIGINT NOT NULL,
    made_by UUID NOT NULL,
    made_at TIMESTAMPTZ NOT NULL,
    ended_at TIMESTAMPTZ
);
-- One at a time.
CREATE UNIQUE INDEX rollout_open ON rollout (key) WHERE ended_at IS NULL;

CREATE TABLE rollout_target (
    rollout UUID NOT NULL REFERENCES rollout (id),
    store TEXT NOT NULL,
    node TEXT NOT NULL,
    wave BIGINT NOT NULL,
    progress TEXT NOT NULL,
    code TEXT,
    set_at TIMESTAMPTZ,
    -- The record that was written to the store's log: whoever finds another one there has been overtaken.
    record UUID,
    -- The body that was desired before; none where there was no document.
    former TEXT,
    PRIMARY KEY (rollout, store)
);
