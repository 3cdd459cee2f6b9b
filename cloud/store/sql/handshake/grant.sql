UPDATE handshake
SET state = 'active', grant_id = $3, scopes = $4, granted_at = coalesce(granted_at, $5), until = $6, seq = 1
WHERE id = $1 AND customer = $2 AND state IN ('claimed', 'active')
