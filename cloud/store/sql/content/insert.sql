-- Nothing where it is there already, or where the room for all of it would be exceeded.
INSERT INTO content (sha256, size, mime, uploaded_by, uploaded_at)
SELECT $1, CAST($2 AS BIGINT), $3, $4, $5
WHERE coalesce((SELECT sum(size) FROM content), 0) + CAST($2 AS BIGINT) <= CAST($6 AS BIGINT)
ON CONFLICT (sha256) DO NOTHING
