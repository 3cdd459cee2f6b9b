SELECT part FROM partition_term WHERE term = $1 FOR SHARE
