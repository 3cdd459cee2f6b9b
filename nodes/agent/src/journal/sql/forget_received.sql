DELETE FROM down_journal WHERE at <= ? AND id NOT IN (SELECT id FROM order_waiting)
