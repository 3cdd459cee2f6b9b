INSERT INTO log_day (day, bytes) VALUES (?, ?)
ON CONFLICT (day) DO UPDATE SET bytes = bytes + excluded.bytes
