SELECT customer, id, store, node, token, opened_at, zone, seen_at, closed_at, closed_reason, traceparent FROM visit WHERE id = $1
