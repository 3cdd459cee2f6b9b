UPDATE rollout SET version = version + 1, phase = $3, reason = $4, wave = $5, ended_at = $6 WHERE id = $1 AND version = $2
