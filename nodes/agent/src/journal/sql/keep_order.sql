INSERT INTO order_waiting (id, event) VALUES (?, ?)
