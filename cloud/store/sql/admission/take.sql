DELETE FROM admission WHERE order_id = $1 RETURNING customer
