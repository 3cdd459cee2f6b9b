UPDATE node SET heard_at = $2, clock_skew_s = r.skew
FROM jsonb_to_recordset($1) AS r (node TEXT, session TEXT, skew BIGINT)
WHERE node.id = r.node AND node.session = r.session
