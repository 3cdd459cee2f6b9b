INSERT INTO log_stream (stream, next, high, acked, base, records, bytes) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (stream) DO UPDATE SET next = excluded.next, high = excluded.high, acked = excluded.acked, base = excluded.base,
    records = excluded.records, bytes = excluded.bytes
