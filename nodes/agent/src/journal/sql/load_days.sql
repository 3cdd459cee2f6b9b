SELECT day, bytes FROM log_day ORDER BY day
