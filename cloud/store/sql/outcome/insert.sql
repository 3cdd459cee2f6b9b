INSERT INTO outcome (customer, channel, outcome, category, offer, at) VALUES ($1, $2, $3, $4, $5, $6)
