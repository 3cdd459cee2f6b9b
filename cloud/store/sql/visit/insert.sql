INSERT INTO visit (id, tenant, store, node, token, customer, method, touchpoint, opened_at, seen_at, closed_at, closed_reason,
                   prev_visit, version, traceparent)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10, $11, $12, 1, $13)
ON CONFLICT (id) DO NOTHING
