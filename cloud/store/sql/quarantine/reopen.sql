UPDATE quarantine SET fate = NULL, settled_at = NULL, settled_by = NULL, reason = NULL, error = $5, tries = tries + 1
WHERE node = $1 AND stream = $2 AND epoch = $3 AND seq = $4
