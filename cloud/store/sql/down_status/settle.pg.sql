UPDATE down_document d SET status = s.status, code = s.code
FROM jsonb_to_recordset($2) AS s (key TEXT, seq BIGINT, status TEXT, code TEXT)
WHERE d.node = $1 AND d.key = s.key AND d.seq = s.seq
