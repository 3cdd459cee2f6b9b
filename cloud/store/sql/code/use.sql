INSERT INTO code_used (store, nonce, expires_at) VALUES ($1, $2, $3)
ON CONFLICT DO NOTHING
