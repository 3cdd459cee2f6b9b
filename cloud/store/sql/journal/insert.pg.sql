INSERT INTO journal (source, id, stream, epoch, seq, event, applied_at)
SELECT $1, r.id, $2, $3, r.seq, r.event, $4
FROM unnest($5::UUID[], $6::BIGINT[], $7::BYTEA[]) AS r (id, seq, event)
ON CONFLICT DO NOTHING
RETURNING id
