-- A new key beyond the limit inserts nothing; a key in force, or a deletion, is always let through (AS-055).
INSERT INTO down_document (node, key, seq, id, event, crc, deleted)
SELECT $1, $2, $3, $4, $5, $6, $7
WHERE $7
   OR EXISTS (SELECT 1 FROM down_document WHERE node = $1 AND key = $2 AND NOT deleted)
   OR (SELECT count(*) FROM down_document WHERE node = $1 AND NOT deleted) < $8
ON CONFLICT (node, key) DO UPDATE
SET seq = excluded.seq, id = excluded.id, event = excluded.event, crc = excluded.crc, deleted = excluded.deleted,
    relogof = NULL, applied_at = NULL, status = NULL, code = NULL
