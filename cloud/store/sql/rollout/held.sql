-- Documents that a rollout wrote last: the configuration does not write over them at a start.
SELECT t.node, r.key
FROM rollout_target t
JOIN rollout r ON r.id = t.rollout
JOIN down_log l ON l.node = t.node
JOIN down_document d ON d.node = coalesce(l.successor, l.node) AND d.key = r.key AND d.id = t.record
WHERE NOT d.deleted
