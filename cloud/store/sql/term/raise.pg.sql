UPDATE partition_term
SET term = greatest(term + 1, CAST(floor(extract(epoch FROM clock_timestamp())) AS BIGINT))
WHERE part IN (SELECT CAST(value AS BIGINT) FROM jsonb_array_elements_text($1) AS value)
RETURNING part, term
