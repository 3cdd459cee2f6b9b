INSERT INTO hlc (one, physical_ms, counter) VALUES (1, ?, ?)
ON CONFLICT (one) DO UPDATE SET physical_ms = excluded.physical_ms, counter = excluded.counter
