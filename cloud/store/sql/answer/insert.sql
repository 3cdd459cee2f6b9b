INSERT INTO answer (key, request_hash, status, body, at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING
