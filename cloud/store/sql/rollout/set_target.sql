UPDATE rollout_target SET progress = $3, set_at = $4, record = $5, former = $6 WHERE rollout = $1 AND store = $2
