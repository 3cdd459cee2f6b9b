UPDATE partition_lease
SET owner = $1, lease_until = clock_timestamp() + $2 * INTERVAL '1 millisecond'
WHERE part IN (
    SELECT part FROM partition_lease
    WHERE part IN (SELECT CAST(value AS BIGINT) FROM jsonb_array_elements_text($3) AS value)
        AND (lease_until < clock_timestamp() OR ($4 AND owner = $1))
    ORDER BY part
    FOR UPDATE SKIP LOCKED)
RETURNING part
