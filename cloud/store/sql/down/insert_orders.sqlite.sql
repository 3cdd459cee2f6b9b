INSERT INTO down_order (node, seq, id, event, crc)
SELECT r.value ->> 'node', r.value ->> 'seq', unhex(r.value ->> 'id', '-'), CAST(r.value ->> 'event' AS BLOB), r.value ->> 'crc'
FROM json_each($1) AS r
