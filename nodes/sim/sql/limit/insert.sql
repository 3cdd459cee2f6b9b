-- A2: a thousand rows in one statement, one transaction, one fsync.
INSERT INTO limit_row (source, id, stream, epoch, seq, event, applied_at)
SELECT $1, r.id, r.stream, $2, r.seq, r.event::JSONB, $3
FROM UNNEST($4::UUID[], $5::TEXT[], $6::BIGINT[], $7::TEXT[]) AS r (id, stream, seq, event)
