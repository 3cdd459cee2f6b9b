-- Several instances on one database: who owns each partition until when, and who lives. All times here are the database's own.

-- Apart from the term, so that a renewal never waits for the fence.
CREATE TABLE partition_lease (
    part BIGINT PRIMARY KEY REFERENCES partition_term (part),
    owner TEXT,
    lease_until TIMESTAMPTZ NOT NULL
);
INSERT INTO partition_lease (part, owner, lease_until)
SELECT part, NULL, CAST('1970-01-01T00:00:00Z' AS TIMESTAMPTZ) FROM partition_term;

CREATE TABLE instance (
    id TEXT PRIMARY KEY,
    alive_until TIMESTAMPTZ NOT NULL,
    linked BOOLEAN NOT NULL
);
