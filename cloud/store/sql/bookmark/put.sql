INSERT INTO bookmark (customer, offer, at) VALUES ($1, $2, $3)
ON CONFLICT DO NOTHING
