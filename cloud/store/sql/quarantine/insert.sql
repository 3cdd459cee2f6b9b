INSERT INTO quarantine (node, stream, epoch, seq, event, type_name, raw, error, at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT DO NOTHING
