-- What each stream holds on disk, kept with every row that comes or goes, so that nobody has to count. A row costs its event and 128 bytes.
ALTER TABLE log_stream ADD COLUMN records INTEGER NOT NULL DEFAULT 0;
ALTER TABLE log_stream ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
UPDATE log_stream SET
    records = (SELECT count(*) FROM log_record r WHERE r.stream = log_stream.stream),
    bytes = (SELECT coalesce(sum(length(r.event) + 128), 0) FROM log_record r WHERE r.stream = log_stream.stream);

-- Filled and emptied once, so that the file holds the pages of classes A and B before anybody needs them.
CREATE TABLE log_reserve (
    place INTEGER PRIMARY KEY,
    block BLOB NOT NULL
) STRICT;

-- Bytes of class A accepted on each day since 1970, for the offline capacity.
CREATE TABLE log_day (
    day   INTEGER PRIMARY KEY,
    bytes INTEGER NOT NULL
) STRICT;
