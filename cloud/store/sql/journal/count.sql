SELECT count(*) FROM journal WHERE source = $1
