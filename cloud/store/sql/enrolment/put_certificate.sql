INSERT INTO certificate (fingerprint, node, serial, key_hash, pem, not_after) VALUES ($1, $2, $3, $4, $5, $6)
