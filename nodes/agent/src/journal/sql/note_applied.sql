INSERT INTO log_applied (stream, seq, at) VALUES (?, ?, ?)
ON CONFLICT (stream, at) DO UPDATE SET seq = max(seq, excluded.seq)
