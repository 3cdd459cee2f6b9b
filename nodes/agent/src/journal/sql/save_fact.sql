INSERT INTO fact (metric, value, expires_at) VALUES ($1, $2, $3)
ON CONFLICT (metric) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at
