INSERT INTO product (sku, body) VALUES ($1, $2)
ON CONFLICT (sku) DO UPDATE SET body = excluded.body
