SELECT key, body, at FROM reported WHERE node = $1 ORDER BY key
