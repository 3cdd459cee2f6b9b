UPDATE visit SET closed_at = $2, closed_reason = $3, version = version + 1
WHERE id = $1 AND closed_at IS NULL
RETURNING customer, node, store, token
