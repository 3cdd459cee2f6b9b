INSERT INTO session (token_hash, customer, identifier, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)
