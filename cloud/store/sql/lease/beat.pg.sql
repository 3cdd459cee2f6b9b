-- Says that the instance lives; names not heard of for a day are forgotten.
WITH forgotten AS (DELETE FROM instance WHERE alive_until < clock_timestamp() - INTERVAL '1 day' AND id <> $1)
INSERT INTO instance (id, alive_until, linked)
VALUES ($1, clock_timestamp() + $2 * INTERVAL '1 millisecond', $3)
ON CONFLICT (id) DO UPDATE SET alive_until = excluded.alive_until, linked = excluded.linked
