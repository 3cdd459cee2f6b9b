SELECT t.part
FROM jsonb_to_recordset($1) AS mine (part BIGINT, term BIGINT)
JOIN partition_term t ON t.part = mine.part AND t.term = mine.term
JOIN partition_lease l ON l.part = t.part
WHERE l.owner = $2 AND l.lease_until > clock_timestamp()
ORDER BY t.part
FOR SHARE OF t
