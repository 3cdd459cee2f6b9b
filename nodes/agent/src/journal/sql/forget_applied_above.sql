DELETE FROM log_applied WHERE stream = ? AND seq > ?
