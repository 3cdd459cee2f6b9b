INSERT INTO rollout_target (rollout, store, node, wave, progress) VALUES ($1, $2, $3, $4, $5)
