-- What became of what was written, at the node or at the one in its place.
SELECT t.store, CASE WHEN d.id = t.record THEN TRUE ELSE FALSE END, d.status, d.code
FROM rollout_target t
JOIN rollout r ON r.id = t.rollout
JOIN down_log l ON l.node = t.node
LEFT JOIN down_document d ON d.node = coalesce(l.successor, l.node) AND d.key = r.key AND NOT d.deleted
WHERE t.rollout = $1 AND t.record IS NOT NULL AND t.progress <> 'restored'
