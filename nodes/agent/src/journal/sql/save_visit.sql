INSERT INTO visit (visit, token, pass, method, touchpoint, opened_at, last_seen_at, zone, state, state_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (visit) DO UPDATE SET last_seen_at = excluded.last_seen_at, zone = excluded.zone, state = excluded.state, state_at = excluded.state_at
