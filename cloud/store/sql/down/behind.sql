-- What each active node has not applied of its log; the oldest document by its own record, which says when it was written.
SELECT l.node,
       (SELECT count(*) FROM down_document d WHERE d.node = l.node AND d.seq > l.desired_acked AND NOT d.deleted),
       (SELECT count(*) FROM down_order o WHERE o.node = l.node AND o.seq > l.order_acked),
       (SELECT d.event FROM down_document d
        WHERE d.node = l.node AND d.seq > l.desired_acked AND NOT d.deleted ORDER BY d.seq LIMIT 1)
FROM down_log l JOIN node n ON n.id = l.node
WHERE n.enrolled AND n.active
  AND (l.desired_next - 1 > l.desired_acked OR l.order_next - 1 > l.order_acked)
ORDER BY l.node
