INSERT INTO quarantine (stream, epoch, seq, id, error, at, raw) VALUES (?, ?, ?, ?, ?, ?, ?)
