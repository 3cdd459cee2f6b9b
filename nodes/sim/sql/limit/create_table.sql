-- What the limit writes: the columns of a journal of accepted records.
CREATE TABLE IF NOT EXISTS limit_row (source TEXT NOT NULL, id UUID PRIMARY KEY, stream TEXT NOT NULL, seq BIGINT NOT NULL, event BYTEA NOT NULL)
