INSERT INTO admission (order_id, customer, store, at) VALUES ($1, $2, $3, $4)
