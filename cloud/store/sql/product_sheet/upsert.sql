INSERT INTO product_sheet (sku, body, changed_at) VALUES ($1, $2, $3)
ON CONFLICT (sku) DO UPDATE SET body = excluded.body, changed_at = excluded.changed_at
