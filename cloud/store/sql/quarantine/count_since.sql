SELECT count(*) FROM quarantine WHERE node = $1 AND stream = $2 AND at >= $3
