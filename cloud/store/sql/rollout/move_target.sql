UPDATE rollout_target SET progress = $3, code = $4, set_at = $5 WHERE rollout = $1 AND store = $2
