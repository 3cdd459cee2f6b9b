SELECT t.part
FROM json_each($1) AS mine
JOIN partition_term t ON t.part = mine.value ->> 'part' AND t.term = mine.value ->> 'term'
JOIN partition_lease l ON l.part = t.part
WHERE l.owner = $2
ORDER BY t.part
