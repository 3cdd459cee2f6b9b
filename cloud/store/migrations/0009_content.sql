-- Content by hash: what is too big for a record. In the database rather than in a folder, because every instance serves it, and one backup holds
-- a document together with the pictures it names. In parts, so that a range costs what it reads.

CREATE TABLE content (
    sha256 BYTEA PRIMARY KEY,
    size BIGINT NOT NULL,
    mime TEXT NOT NULL,
    uploaded_by UUID NOT NULL,
    uploaded_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE content_part (
    sha256 BYTEA NOT NULL REFERENCES content (sha256),
    place BIGINT NOT NULL,
    bytes BYTEA NOT NULL,
    PRIMARY KEY (sha256, place)
);
