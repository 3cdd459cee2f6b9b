SELECT part FROM partition_term WHERE part = $1 AND term = $2
