SELECT id FROM rollout WHERE ended_at IS NULL ORDER BY id
