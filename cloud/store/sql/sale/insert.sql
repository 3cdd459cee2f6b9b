INSERT INTO sale (source_ref, customer, hash, at) VALUES ($1, $2, $3, $4)
