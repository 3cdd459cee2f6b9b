SELECT record, sha256, signature FROM handshake_record WHERE customer = $1 ORDER BY place LIMIT $2
