SELECT customer, id, store, node, token, opened_at, zone, seen_at, closed_at, closed_reason, traceparent FROM visit
WHERE customer = $1 AND closed_at IS NOT NULL ORDER BY closed_at DESC LIMIT 1
