INSERT INTO down_cursor (stream, seq, poison_run) VALUES (?, ?, ?)
ON CONFLICT (stream) DO UPDATE SET seq = excluded.seq, poison_run = excluded.poison_run
