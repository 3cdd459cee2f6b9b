-- Why the newest revision of a document is not in force; its row then keeps the body of the former one, which is.
ALTER TABLE document ADD COLUMN rejected TEXT;

-- What staff show instead of a document: as the document that is in force meanwhile, and as it is reported.
CREATE TABLE document_override (
    key        TEXT    PRIMARY KEY,
    at         INTEGER NOT NULL,
    until_mono INTEGER NOT NULL,
    event      BLOB    NOT NULL,
    report     BLOB    NOT NULL
) STRICT, WITHOUT ROWID;

-- Deletions of reported documents. They stay for days after they are applied, then they go.
CREATE TABLE reported_marker (
    key        TEXT    PRIMARY KEY,
    seq        INTEGER NOT NULL,
    applied_at INTEGER
) STRICT, WITHOUT ROWID;

-- Highest seq of a deletion that went, in this epoch: a reader below it would miss a deletion.
ALTER TABLE log_stream ADD COLUMN purged INTEGER NOT NULL DEFAULT 0;
