UPDATE card SET removed_at = $3 WHERE id = ANY ($1) AND customer = $2 AND removed_at IS NULL
