SELECT node, former, record FROM rollout_target WHERE rollout = $1 AND store = $2
