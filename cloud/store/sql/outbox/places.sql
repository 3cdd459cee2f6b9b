SELECT place, key FROM outbox WHERE place > $1 ORDER BY place LIMIT $2
