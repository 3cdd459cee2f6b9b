SELECT body FROM product_sheet ORDER BY sku
