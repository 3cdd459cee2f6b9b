SELECT place, sha256 FROM handshake_record WHERE customer = $1 ORDER BY place DESC LIMIT 1
