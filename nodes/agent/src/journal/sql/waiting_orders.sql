SELECT place, id, event FROM order_waiting WHERE place > ? ORDER BY place LIMIT ?
