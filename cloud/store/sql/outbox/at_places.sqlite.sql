SELECT place, payload, traceparent, at FROM outbox WHERE place IN (SELECT value FROM json_each($1)) ORDER BY place
