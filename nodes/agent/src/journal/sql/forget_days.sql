DELETE FROM log_day WHERE day < ?
