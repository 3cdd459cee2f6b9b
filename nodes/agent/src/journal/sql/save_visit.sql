INSERT INTO visit (visit, token, pass, method, touchpoint, opened_at, opened_mono, last_seen_at, seen_mono, zone, state, state_mono)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (visit) DO UPDATE SET last_seen_at = excluded.last_seen_at, seen_mono = excluded.seen_mono, zone = excluded.zone,
    state = excluded.state, state_mono = excluded.state_mono
