INSERT INTO identifier (hash, customer, sealed, created_at) VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING
