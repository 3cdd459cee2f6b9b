INSERT INTO journal (source, id, stream, epoch, seq, event, applied_at)
SELECT r.source, r.id, r.stream, r.epoch, r.seq, r.event, $1
FROM unnest($2::TEXT[], $3::UUID[], $4::TEXT[], $5::TEXT[], $6::BIGINT[], $7::BYTEA[]) AS r (source, id, stream, epoch, seq, event)
ON CONFLICT DO NOTHING
RETURNING source, id
