UPDATE partition_term
SET term = (SELECT max(max(term) + 1, unixepoch()) FROM partition_term)
RETURNING term
