SELECT t.part
FROM partition_term t
JOIN partition_lease l ON l.part = t.part
WHERE t.part = $1 AND t.term = $2 AND l.owner = $3 AND l.lease_until > clock_timestamp()
FOR SHARE OF t
