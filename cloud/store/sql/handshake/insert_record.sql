INSERT INTO handshake_record (id, customer, handshake, place, record, sha256, signature, at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
