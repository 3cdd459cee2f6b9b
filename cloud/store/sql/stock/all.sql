SELECT sku, store, count, at FROM stock ORDER BY sku, store
