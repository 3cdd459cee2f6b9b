INSERT INTO rollout (id, name, key, body, terms, version, phase, wave, made_by, made_at) VALUES ($1, $2, $3, $4, $5, 0, $6, 0, $7, $8)
