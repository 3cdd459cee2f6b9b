SELECT seq, id, event, crc, relogof FROM log_record WHERE stream = ? AND seq > ? ORDER BY seq LIMIT ?
