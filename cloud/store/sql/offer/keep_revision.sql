INSERT INTO offer_revision (offer, rev, published, at) VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING
