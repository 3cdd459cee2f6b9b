INSERT INTO dialogue (id, customer, store, display, offer, lines, done, at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (id) DO UPDATE SET lines = excluded.lines, done = excluded.done
