DELETE FROM log_reserve
