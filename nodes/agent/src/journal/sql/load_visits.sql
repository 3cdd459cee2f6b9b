SELECT visit, token, pass, method, touchpoint, opened_at, last_seen_at, zone, state, state_at FROM visit
