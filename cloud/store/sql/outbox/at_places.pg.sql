SELECT place, payload, traceparent, at FROM outbox WHERE place = ANY ($1) ORDER BY place
