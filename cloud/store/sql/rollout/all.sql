SELECT id, name, key, body, terms, version, phase, reason, wave, made_by, made_at, ended_at FROM rollout ORDER BY made_at DESC, id LIMIT $1
