INSERT INTO campaign (id, name, starts_at, ends_at, cap_per_day, paused) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (id) DO UPDATE SET name = excluded.name, starts_at = excluded.starts_at, ends_at = excluded.ends_at,
    cap_per_day = excluded.cap_per_day, paused = excluded.paused
