UPDATE card SET removed_at = $3
WHERE id IN (SELECT unhex(value, '-') FROM json_each($1)) AND customer = $2 AND removed_at IS NULL
