-- Whoever updates the row first settles it; others find it settled.
UPDATE quarantine SET fate = $5, settled_at = $6, settled_by = $7, reason = $8
WHERE node = $1 AND stream = $2 AND epoch = $3 AND seq = $4 AND fate IS NULL
