UPDATE partition_term
SET term = max(term + 1, unixepoch())
WHERE part IN (SELECT value FROM json_each($1))
RETURNING part, term
