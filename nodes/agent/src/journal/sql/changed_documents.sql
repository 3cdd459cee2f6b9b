SELECT key, change, at, event FROM document WHERE change > ? ORDER BY change LIMIT ?
