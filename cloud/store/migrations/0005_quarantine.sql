-- What did not arrive and what became of it: losses by reason, quarantined records that people settled, holds that they ended, replaced nodes.

-- Sums, each with its newest range; the ranges of older ones stand in the journal as the records that told of them.
CREATE TABLE loss (
    node TEXT NOT NULL REFERENCES node (id),
    stream TEXT NOT NULL,
    kind TEXT NOT NULL,
    records BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    epoch TEXT NOT NULL,
    from_seq BIGINT NOT NULL,
    to_seq BIGINT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (node, stream, kind)
);

ALTER TABLE quarantine ADD COLUMN tries BIGINT NOT NULL DEFAULT 0;
ALTER TABLE quarantine ADD COLUMN fate TEXT;
ALTER TABLE quarantine ADD COLUMN settled_at TIMESTAMPTZ;
ALTER TABLE quarantine ADD COLUMN settled_by UUID;
ALTER TABLE quarantine ADD COLUMN reason TEXT;
CREATE INDEX quarantine_open ON quarantine (node, at) WHERE fate IS NULL;

-- The newest decision of an operator about a stream on hold; whoever owns its partition looks here.
CREATE TABLE stream_unhold (
    node TEXT NOT NULL REFERENCES node (id),
    stream TEXT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (node, stream)
);

-- The node that has taken this one's place in its store: what is owed to this one is written to that one's log.
ALTER TABLE down_log ADD COLUMN successor TEXT REFERENCES node (id);
