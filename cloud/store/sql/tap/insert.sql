INSERT INTO tap (id, node, display, zone, offer, at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT DO NOTHING
