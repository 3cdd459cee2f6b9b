-- Raises by one where the value still is $3.
INSERT INTO counter (name, key, value) VALUES ($1, $2, 1)
ON CONFLICT (name, key) DO UPDATE SET value = counter.value + 1 WHERE counter.value = $3
