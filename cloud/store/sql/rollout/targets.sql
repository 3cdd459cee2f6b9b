SELECT store, node, wave, progress, code, set_at FROM rollout_target WHERE rollout = $1 ORDER BY wave, store
