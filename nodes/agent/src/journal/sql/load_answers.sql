SELECT key, request, body FROM answer WHERE at > ? ORDER BY at, key
