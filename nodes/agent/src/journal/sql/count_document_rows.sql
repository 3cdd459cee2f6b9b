SELECT count(*) FROM log_record WHERE stream = ? AND key = ?
