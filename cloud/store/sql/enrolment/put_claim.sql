INSERT INTO claim (hash, node, replaces, made_at, expires_at) VALUES ($1, $2, $3, $4, $5)
