UPDATE visit SET
    zone = CASE WHEN seen_at <= $2 THEN coalesce($3, zone) ELSE zone END,
    seen_at = CASE WHEN seen_at < $2 THEN $2 ELSE seen_at END,
    version = version + 1
WHERE id = $1
RETURNING customer, store, closed_at
