UPDATE node SET presence = 'online', since = $2, will_at = NULL
FROM jsonb_to_recordset($1) AS r (node TEXT, session TEXT)
WHERE node.id = r.node AND node.session = r.session AND presence = 'lost'
RETURNING node.id
