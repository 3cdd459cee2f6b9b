UPDATE partition_lease
SET owner = NULL, lease_until = '1970-01-01 00:00:00.000'
FROM json_each($2) AS mine
JOIN partition_term t ON t.part = mine.value ->> 'part' AND t.term = mine.value ->> 'term'
WHERE partition_lease.part = t.part AND partition_lease.owner = $1
