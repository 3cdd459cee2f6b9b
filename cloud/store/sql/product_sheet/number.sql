INSERT INTO product_number (gtin, sku) VALUES ($1, $2)
