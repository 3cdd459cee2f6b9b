SELECT body FROM product ORDER BY sku
