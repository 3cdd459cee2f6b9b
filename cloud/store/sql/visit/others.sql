SELECT id, node, store, token, opened_at, seen_at, closed_at FROM visit
WHERE customer = $1 AND id <> $2 AND (closed_at IS NULL OR opened_at > $3)
ORDER BY opened_at
LIMIT 100
