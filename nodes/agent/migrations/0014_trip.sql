-- Trips that have not ended, as they are.
CREATE TABLE trip (
    trip BLOB PRIMARY KEY,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Exit tokens that were used, until they expire by themselves.
CREATE TABLE used_exit (
    jti        TEXT    PRIMARY KEY,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The key by which baskets are drawn on a day; it goes once it was published.
CREATE TABLE audit_day (
    day TEXT PRIMARY KEY,
    key BLOB NOT NULL
) STRICT, WITHOUT ROWID;
