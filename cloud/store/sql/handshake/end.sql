UPDATE handshake SET state = 'over', ended_at = $2, outcome = $3 WHERE id = $1 AND state <> 'over'
