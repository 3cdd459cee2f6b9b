SELECT place, payload, traceparent, at FROM outbox
WHERE place > $1 ORDER BY place LIMIT $2
