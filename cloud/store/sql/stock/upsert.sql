INSERT INTO stock (sku, store, count, at) VALUES ($1, $2, $3, $4)
ON CONFLICT (sku, store) DO UPDATE SET count = excluded.count, at = excluded.at
