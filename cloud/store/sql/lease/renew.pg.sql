UPDATE partition_lease l
SET lease_until = clock_timestamp() + $2 * INTERVAL '1 millisecond'
FROM jsonb_to_recordset($3) AS mine (part BIGINT, term BIGINT)
JOIN partition_term t ON t.part = mine.part AND t.term = mine.term
WHERE l.part = mine.part AND l.owner = $1
RETURNING l.part
