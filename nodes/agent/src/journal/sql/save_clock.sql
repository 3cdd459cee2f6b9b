INSERT INTO clock (one, wall, monotonic) VALUES (1, ?, ?)
ON CONFLICT (one) DO UPDATE SET wall = excluded.wall, monotonic = excluded.monotonic
