SELECT key, request, body FROM answer WHERE at > ?
