-- A2: a thousand rows in one statement, one transaction, one fsync.
INSERT INTO limit_row (source, id, stream, seq, event)
SELECT $1, r.id, $2, r.seq, r.event FROM UNNEST($3::UUID[], $4::BIGINT[], $5::BYTEA[]) AS r (id, seq, event)
