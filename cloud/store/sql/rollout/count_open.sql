SELECT count(*) FROM rollout WHERE key = $1 AND ended_at IS NULL
