DELETE FROM product_number WHERE sku = $1
