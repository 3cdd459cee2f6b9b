UPDATE handshake SET seq = seq + 1 WHERE id = $1 AND state = 'active' AND until > $2
