INSERT INTO journal (source, id, stream, epoch, seq, event, applied_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT DO NOTHING
