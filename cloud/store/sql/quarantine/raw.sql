SELECT raw FROM quarantine WHERE node = $1 AND stream = $2 AND epoch = $3 AND seq = $4
