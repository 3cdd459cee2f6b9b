SELECT key, event, rejected FROM document WHERE key > ? AND event IS NOT NULL ORDER BY key LIMIT ?
