INSERT INTO reported_marker (key, seq, applied_at) VALUES (?, ?, NULL)
ON CONFLICT (key) DO UPDATE SET seq = excluded.seq, applied_at = NULL
