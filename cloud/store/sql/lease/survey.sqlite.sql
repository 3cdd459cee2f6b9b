SELECT
    (SELECT count(*) FROM instance WHERE id <> $1 AND linked AND alive_until > strftime('%Y-%m-%d %H:%M:%f', 'now')),
    (SELECT json_group_array(part) FROM partition_lease WHERE lease_until < strftime('%Y-%m-%d %H:%M:%f', 'now') OR ($2 AND owner = $1))
