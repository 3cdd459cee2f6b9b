-- A new key beyond the limit inserts nothing; a key in force, or a deletion, is always let through (AS-055), and what the same set deletes before it
-- makes room.
WITH said AS (SELECT s.value ->> 'node' AS node, s.value ->> 'key' AS key, s.value ->> 'seq' AS seq, unhex(s.value ->> 'id', '-') AS id,
                     CAST(s.value ->> 'event' AS BLOB) AS event, s.value ->> 'crc' AS crc, s.value ->> 'deleted' AS deleted
              FROM json_each($1) AS s),
     r AS (SELECT said.*, EXISTS (SELECT 1 FROM down_document d WHERE d.node = said.node AND d.key = said.key AND NOT d.deleted) AS known FROM said),
     ranked AS (SELECT r.*, count(*) FILTER (WHERE NOT deleted AND NOT known) OVER w - count(*) FILTER (WHERE deleted AND known) OVER w AS more
                FROM r WINDOW w AS (PARTITION BY node ORDER BY seq))
INSERT INTO down_document (node, key, seq, id, event, crc, deleted)
SELECT node, key, seq, id, event, crc, deleted FROM ranked
WHERE deleted OR known
   OR (SELECT count(*) FROM down_document d WHERE d.node = ranked.node AND NOT d.deleted) + more <= $2
ON CONFLICT (node, key) DO UPDATE
SET seq = excluded.seq, id = excluded.id, event = excluded.event, crc = excluded.crc, deleted = excluded.deleted,
    relogof = NULL, applied_at = NULL, status = NULL, code = NULL
RETURNING node, key
