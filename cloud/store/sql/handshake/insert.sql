INSERT INTO handshake (id, store, node, offer, offered_at, expires_at, state, pseudonym, scopes, seq)
VALUES ($1, $2, $3, $4, $5, $6, 'offered', $7, $8, 0)
ON CONFLICT (id) DO NOTHING
