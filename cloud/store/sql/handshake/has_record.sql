SELECT count(*) FROM handshake_record WHERE id = $1
