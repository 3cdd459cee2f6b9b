INSERT INTO journal (source, id, stream, epoch, seq, event, applied_at)
SELECT $1, unhex(r.value ->> 'id', '-'), $2, $3, r.value ->> 'seq', CAST(r.value ->> 'event' AS BLOB), $4
FROM json_each($5) AS r WHERE TRUE
ON CONFLICT DO NOTHING
RETURNING id
