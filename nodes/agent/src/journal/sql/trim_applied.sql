DELETE FROM log_applied WHERE at <= ?
