-- A key that memory has forgotten may come again: the last answer is the one that memory holds, too.
INSERT INTO answer (key, request, body, at) VALUES (?, ?, ?, ?)
ON CONFLICT (key) DO UPDATE SET request = excluded.request, body = excluded.body, at = excluded.at
