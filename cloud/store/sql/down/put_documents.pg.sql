-- A new key beyond the limit inserts nothing; a key in force, or a deletion, is always let through (AS-055), and what the same set deletes before it
-- makes room. Arrays, and a lookup by key for each row: from JSON the planner expects a hundred rows and reads whole tables instead.
WITH r AS (SELECT s.node, s.key, s.seq, s.id, convert_to(s.event, 'UTF8') AS event, s.crc, s.deleted, coalesce(k.known, FALSE) AS known
           FROM unnest($1::TEXT[], $2::TEXT[], $3::BIGINT[], $4::UUID[], $5::TEXT[], $6::BIGINT[], $7::BOOLEAN[])
                AS s (node, key, seq, id, event, crc, deleted)
           LEFT JOIN LATERAL (SELECT TRUE AS known FROM down_document d WHERE d.node = s.node AND d.key = s.key AND NOT d.deleted LIMIT 1) k ON TRUE),
     ranked AS (SELECT r.*, count(*) FILTER (WHERE NOT deleted AND NOT known) OVER w - count(*) FILTER (WHERE deleted AND known) OVER w AS more
                FROM r WINDOW w AS (PARTITION BY node ORDER BY seq))
INSERT INTO down_document (node, key, seq, id, event, crc, deleted)
SELECT node, key, seq, id, event, crc, deleted FROM ranked
WHERE deleted OR known
   OR (SELECT count(*) FROM down_document d WHERE d.node = ranked.node AND NOT d.deleted) + more <= $8
ON CONFLICT (node, key) DO UPDATE
SET seq = excluded.seq, id = excluded.id, event = excluded.event, crc = excluded.crc, deleted = excluded.deleted,
    relogof = NULL, applied_at = NULL, status = NULL, code = NULL
RETURNING node, key
