-- One file per store box: the log to the cloud, what came from the cloud, and the state of the store.
-- Instants are unix milliseconds; ids are 16 bytes; the database never tells the time and makes no ids.

CREATE TABLE log_head (
    one             INTEGER PRIMARY KEY CHECK (one = 1),
    epoch           TEXT    NOT NULL,
    mark            INTEGER NOT NULL,
    session_counter INTEGER NOT NULL
) STRICT;

CREATE TABLE log_lineage (
    place INTEGER PRIMARY KEY,
    epoch TEXT    NOT NULL
) STRICT;

CREATE TABLE log_stream (
    stream TEXT    PRIMARY KEY,
    next   INTEGER NOT NULL,
    high   INTEGER NOT NULL,
    acked  INTEGER NOT NULL,
    base   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE log_record (
    place   INTEGER PRIMARY KEY,
    stream  TEXT    NOT NULL,
    seq     INTEGER NOT NULL,
    id      BLOB    NOT NULL,
    -- Key of a document; its older row goes when a newer one is written.
    key     TEXT,
    event   BLOB    NOT NULL,
    crc     INTEGER NOT NULL,
    relogof TEXT,
    UNIQUE (stream, seq)
) STRICT;
CREATE INDEX log_record_key ON log_record (stream, key) WHERE key IS NOT NULL;

-- When a stream was seen applied up to where: rows stay for days after it.
CREATE TABLE log_applied (
    stream TEXT    NOT NULL,
    seq    INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    PRIMARY KEY (stream, at)
) STRICT, WITHOUT ROWID;

CREATE TABLE down_head (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    epoch TEXT,
    mark  INTEGER NOT NULL
) STRICT;

CREATE TABLE down_cursor (
    stream     TEXT    PRIMARY KEY,
    seq        INTEGER NOT NULL,
    poison_run INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Documents in force. A row without a body was deleted; it stays so that readers of changes see it go.
CREATE TABLE document (
    key    TEXT    PRIMARY KEY,
    epoch  TEXT    NOT NULL,
    seq    INTEGER NOT NULL,
    -- Rises with every write of any document; readers ask for what is above the last one they saw.
    change INTEGER NOT NULL UNIQUE,
    at     INTEGER NOT NULL,
    event  BLOB
) STRICT;

-- Orders that came and were not carried out yet.
CREATE TABLE order_waiting (
    place INTEGER PRIMARY KEY,
    id    BLOB    NOT NULL UNIQUE,
    event BLOB    NOT NULL
) STRICT;

-- Ids of class-A records that came: none takes effect twice.
CREATE TABLE down_journal (
    id BLOB    PRIMARY KEY,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX down_journal_at ON down_journal (at);

CREATE TABLE quarantine (
    place  INTEGER PRIMARY KEY,
    stream TEXT    NOT NULL,
    epoch  TEXT    NOT NULL,
    seq    INTEGER NOT NULL,
    id     BLOB    NOT NULL,
    error  TEXT    NOT NULL,
    at     INTEGER NOT NULL,
    raw    BLOB    NOT NULL
) STRICT;

CREATE TABLE visit (
    visit        BLOB    PRIMARY KEY,
    token        BLOB    NOT NULL UNIQUE,
    pass         BLOB    NOT NULL,
    method       TEXT    NOT NULL,
    touchpoint   TEXT    NOT NULL,
    opened_at    INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    zone         TEXT,
    -- checked_in, active, idle or closed
    state        TEXT    NOT NULL,
    -- Since when it is idle or closed.
    state_at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE used_code (
    nonce     INTEGER PRIMARY KEY,
    issued_at INTEGER NOT NULL
) STRICT;

CREATE TABLE used_pass (
    pass       BLOB    PRIMARY KEY,
    visit      BLOB    NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Hybrid logical clock: no stamp is given twice, also after a restart with a clock set back.
CREATE TABLE hlc (
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    physical_ms INTEGER NOT NULL,
    counter     INTEGER NOT NULL
) STRICT;

-- Answers kept under an idempotency key.
CREATE TABLE answer (
    key     BLOB    PRIMARY KEY,
    request BLOB    NOT NULL,
    body    TEXT    NOT NULL,
    at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE play_boot (
    screen TEXT    NOT NULL,
    boot   BLOB    NOT NULL,
    high   INTEGER NOT NULL,
    PRIMARY KEY (screen, boot)
) STRICT, WITHOUT ROWID;

-- Plays of the last hour of events that have an hourly maximum.
CREATE TABLE play_hour (
    place      INTEGER PRIMARY KEY,
    screen     TEXT    NOT NULL,
    event      TEXT    NOT NULL,
    started_at INTEGER NOT NULL
) STRICT;

CREATE TABLE nfc_display (
    display TEXT    PRIMARY KEY,
    taps    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE device_session (
    hash       BLOB    PRIMARY KEY,
    kind       TEXT    NOT NULL,
    device     TEXT    NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
