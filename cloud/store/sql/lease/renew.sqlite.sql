UPDATE partition_lease
SET lease_until = strftime('%Y-%m-%d %H:%M:%f', 'now', ($2 / 1000.0) || ' seconds')
FROM json_each($3) AS mine
JOIN partition_term t ON t.part = mine.value ->> 'part' AND t.term = mine.value ->> 'term'
WHERE partition_lease.part = t.part AND partition_lease.owner = $1
RETURNING partition_lease.part
