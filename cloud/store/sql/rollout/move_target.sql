UPDATE rollout_target SET progress = $3, code = $4 WHERE rollout = $1 AND store = $2
