UPDATE node SET heard_at = $2
FROM jsonb_to_recordset($1) AS r (node TEXT, session TEXT)
WHERE node.id = r.node AND node.session = r.session
