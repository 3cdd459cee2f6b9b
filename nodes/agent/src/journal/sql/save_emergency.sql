INSERT INTO emergency (one, active, shown) VALUES (1, $1, $2)
ON CONFLICT (one) DO UPDATE SET active = excluded.active, shown = excluded.shown
