SELECT customer, id, store, node, token, opened_at, zone, seen_at, closed_at, closed_reason, traceparent FROM visit
WHERE store = $1 AND closed_at IS NULL ORDER BY opened_at LIMIT $2
