INSERT INTO counter (name, key, value) VALUES ($1, $2, $3)
ON CONFLICT (name, key) DO UPDATE SET value = counter.value + excluded.value
