DELETE FROM log_applied
