-- Other instances with a link, and partitions that nobody holds; with $2 also those held under this name by an earlier life.
SELECT
    (SELECT count(*) FROM instance WHERE id <> $1 AND linked AND alive_until > clock_timestamp()),
    (SELECT coalesce(jsonb_agg(part ORDER BY part), '[]') FROM partition_lease WHERE lease_until < clock_timestamp() OR ($2 AND owner = $1))
