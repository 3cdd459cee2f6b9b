INSERT INTO journal (source, id, stream, epoch, seq, event, applied_at)
SELECT r.value ->> 'source', unhex(r.value ->> 'id', '-'), r.value ->> 'stream', r.value ->> 'epoch', r.value ->> 'seq',
       CAST(r.value ->> 'event' AS BLOB), $1
FROM json_each($2) AS r WHERE TRUE
ON CONFLICT DO NOTHING
RETURNING source, id
