INSERT INTO pass (id, customer, expires_at) VALUES ($1, $2, $3)
