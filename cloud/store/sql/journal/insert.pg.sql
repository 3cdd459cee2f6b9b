INSERT INTO journal (source, id, stream, epoch, seq, event, applied_at)
SELECT $1, r.id, $2, $3, r.seq, convert_to(r.event, 'UTF8'), $4
FROM jsonb_to_recordset($5) AS r (id UUID, seq BIGINT, event TEXT)
ON CONFLICT DO NOTHING
RETURNING id
