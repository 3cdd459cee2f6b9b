SELECT version FROM customer WHERE id = $1
