SELECT id, name, starts_at, ends_at, cap_per_day, paused FROM campaign ORDER BY id
