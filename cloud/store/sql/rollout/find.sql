SELECT id, name, key, body, terms, version, phase, reason, wave, made_by, made_at, ended_at FROM rollout WHERE id = $1
