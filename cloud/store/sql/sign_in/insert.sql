INSERT INTO sign_in (id, identifier, code_hash, tries_left, issued_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)
