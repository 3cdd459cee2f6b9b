SELECT event FROM document WHERE key = ? AND event IS NOT NULL
