UPDATE node SET presence = 'online', since = $2, will_at = NULL
FROM json_each($1) AS r
WHERE node.id = r.value ->> 'node' AND node.session = r.value ->> 'session' AND presence = 'lost'
RETURNING node.id
