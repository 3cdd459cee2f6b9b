SELECT visit, token, pass, method, touchpoint, opened_at, opened_mono, last_seen_at, seen_mono, zone, state, state_mono FROM visit
