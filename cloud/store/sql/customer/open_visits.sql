SELECT customer, id, store FROM visit WHERE closed_at IS NULL AND customer IS NOT NULL ORDER BY opened_at
