SELECT node, key, body, at FROM reported WHERE key LIKE 'override/%' ORDER BY node, key LIMIT $1
