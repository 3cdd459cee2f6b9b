DELETE FROM log_record WHERE stream = ? AND seq BETWEEN ? AND ?
