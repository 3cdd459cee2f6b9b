UPDATE partition_term
SET term = (SELECT greatest(max(term) + 1, CAST(floor(extract(epoch FROM clock_timestamp())) AS BIGINT)) FROM partition_term)
RETURNING term
