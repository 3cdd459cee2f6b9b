-- What integrators told of the store; a fact is known until it expires, also across a restart.
CREATE TABLE fact (
    metric     TEXT    PRIMARY KEY,
    value      TEXT    NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The emergency that is on, with the set that it shows: it goes on after a restart, whatever became of the set's document meanwhile.
CREATE TABLE emergency (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    active TEXT    NOT NULL,
    shown  TEXT    NOT NULL
) STRICT;
