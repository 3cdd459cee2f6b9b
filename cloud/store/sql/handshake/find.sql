SELECT store, node, offer, expires_at, state, customer, visit, grant_id, pseudonym, scopes, granted_at, until, seq, ended_at
FROM handshake WHERE id = $1
