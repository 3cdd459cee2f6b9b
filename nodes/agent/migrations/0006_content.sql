-- Newest revisions whose content is not all here yet. The row of the document keeps the body of the former one, which is in force meanwhile.
CREATE TABLE document_waiting (
    key   TEXT    PRIMARY KEY,
    epoch TEXT    NOT NULL,
    seq   INTEGER NOT NULL,
    event BLOB    NOT NULL
) STRICT, WITHOUT ROWID;
