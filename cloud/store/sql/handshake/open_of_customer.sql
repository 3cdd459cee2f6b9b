SELECT id FROM handshake WHERE customer = $1 AND state IN ('claimed', 'active') ORDER BY offered_at DESC, id LIMIT $2
