INSERT INTO instance (id, alive_until, linked)
VALUES ($1, strftime('%Y-%m-%d %H:%M:%f', 'now', ($2 / 1000.0) || ' seconds'), $3)
ON CONFLICT (id) DO UPDATE SET alive_until = excluded.alive_until, linked = excluded.linked
