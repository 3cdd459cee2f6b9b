-- What the limits write: the columns, the key and the index of the journal of accepted records.
CREATE TABLE IF NOT EXISTS limit_row (
    source TEXT NOT NULL,
    id UUID NOT NULL,
    stream TEXT NOT NULL,
    epoch TEXT NOT NULL,
    seq BIGINT NOT NULL,
    event JSONB NOT NULL,
    applied_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (source, id)
)
