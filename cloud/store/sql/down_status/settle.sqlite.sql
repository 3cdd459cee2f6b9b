UPDATE down_document SET status = s.status, code = s.code
FROM (SELECT value ->> 'key' AS key, value ->> 'seq' AS seq, value ->> 'status' AS status, value ->> 'code' AS code FROM json_each($2)) AS s
WHERE down_document.node = $1 AND down_document.key = s.key AND down_document.seq = s.seq
