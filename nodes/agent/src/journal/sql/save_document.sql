INSERT INTO document (key, epoch, seq, change, at, event, rejected) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (key) DO UPDATE SET epoch = excluded.epoch, seq = excluded.seq, change = excluded.change, at = excluded.at, event = excluded.event,
    rejected = excluded.rejected
