UPDATE partition_lease l
SET owner = NULL, lease_until = CAST('1970-01-01T00:00:00Z' AS TIMESTAMPTZ)
FROM jsonb_to_recordset($2) AS mine (part BIGINT, term BIGINT)
JOIN partition_term t ON t.part = mine.part AND t.term = mine.term
WHERE l.part = mine.part AND l.owner = $1
