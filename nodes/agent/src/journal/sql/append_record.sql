INSERT INTO log_record (stream, seq, id, key, event, crc) VALUES (?, ?, ?, ?, ?, ?)
