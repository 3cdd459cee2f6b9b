UPDATE partition_lease
SET owner = $1, lease_until = strftime('%Y-%m-%d %H:%M:%f', 'now', ($2 / 1000.0) || ' seconds')
WHERE part IN (SELECT value FROM json_each($3))
    AND (lease_until < strftime('%Y-%m-%d %H:%M:%f', 'now') OR ($4 AND owner = $1))
RETURNING part
