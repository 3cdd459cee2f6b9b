SELECT request_hash, status, body, at FROM answer WHERE key = $1
