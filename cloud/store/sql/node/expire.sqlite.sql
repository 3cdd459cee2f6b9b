-- Nothing of the node, heartbeats included, was committed since $1, or a will stands since before $2; of partitions $4 only.
UPDATE node SET presence = 'lost', since = $3, will_at = NULL
WHERE presence = 'online' AND part IN (SELECT value FROM json_each($4)) AND (
    will_at < $2
    OR (heard_at < $1 AND NOT EXISTS (SELECT 1 FROM stream_cursor c WHERE c.node = node.id AND c.committed_at >= $1)))
RETURNING id
