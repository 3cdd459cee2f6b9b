DELETE FROM order_waiting WHERE id = ?
