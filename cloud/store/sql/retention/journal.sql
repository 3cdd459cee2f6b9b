DELETE FROM journal WHERE applied_at < $1
