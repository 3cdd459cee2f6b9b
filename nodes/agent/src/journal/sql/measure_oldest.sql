SELECT seq, length(event) FROM log_record WHERE stream = ? AND seq > ? ORDER BY seq LIMIT ?
