SELECT stream, max(seq) FROM log_applied WHERE at <= ? GROUP BY stream
