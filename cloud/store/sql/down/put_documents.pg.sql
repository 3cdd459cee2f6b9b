-- A new key beyond the limit inserts nothing; a key in force, or a deletion, is always let through (AS-055).
WITH said AS (SELECT s.node, s.key, s.seq, s.id, convert_to(s.event, 'UTF8') AS event, s.crc, s.deleted
              FROM jsonb_to_recordset($1) AS s (node TEXT, key TEXT, seq BIGINT, id UUID, event TEXT, crc BIGINT, deleted BOOLEAN)),
     r AS (SELECT said.*, EXISTS (SELECT 1 FROM down_document d WHERE d.node = said.node AND d.key = said.key AND NOT d.deleted) AS known FROM said),
     ranked AS (SELECT r.*, count(*) FILTER (WHERE NOT deleted AND NOT known) OVER (PARTITION BY node ORDER BY seq) AS place FROM r)
INSERT INTO down_document (node, key, seq, id, event, crc, deleted)
SELECT node, key, seq, id, event, crc, deleted FROM ranked
WHERE deleted OR known
   OR (SELECT count(*) FROM down_document d WHERE d.node = ranked.node AND NOT d.deleted) + place <= $2
ON CONFLICT (node, key) DO UPDATE
SET seq = excluded.seq, id = excluded.id, event = excluded.event, crc = excluded.crc, deleted = excluded.deleted,
    relogof = NULL, applied_at = NULL, status = NULL, code = NULL
RETURNING node, key
