SELECT node, key, body, at FROM reported WHERE key = $1 ORDER BY node
