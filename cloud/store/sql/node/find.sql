SELECT n.id, n.presence, n.heard_at, n.since, n.software,
       (SELECT max(c.committed_at) FROM stream_cursor c WHERE c.node = n.id),
       (SELECT CAST(coalesce(sum(c.pending), 0) AS BIGINT) FROM stream_cursor c WHERE c.node = n.id),
       (SELECT CAST(coalesce(sum(c.applied), 0) AS BIGINT) FROM stream_cursor c WHERE c.node = n.id),
       (SELECT count(*) FROM quarantine q WHERE q.node = n.id AND q.fate IS NULL),
       n.active, n.reclaim, n.clock_skew_s
FROM node n
WHERE n.enrolled AND n.id = $1
