INSERT INTO answer (key, request, body, at) VALUES (?, ?, ?, ?)
