-- What each active node has neither applied nor rejected of its documents, and what it has not applied of its orders; the oldest document by
-- its own record, which says when it was written. A node reports on the contexts that it rejects; that it has applied the others says its cursor.
SELECT l.node,
       (SELECT count(*) FROM down_document d
        WHERE d.node = l.node AND NOT d.deleted AND (d.status IS NULL OR d.status NOT IN ('applied', 'rejected'))
          AND (d.key NOT LIKE 'context/%' OR d.seq > l.desired_acked)),
       (SELECT count(*) FROM down_order o WHERE o.node = l.node AND o.seq > l.order_acked),
       (SELECT d.event FROM down_document d
        WHERE d.node = l.node AND NOT d.deleted AND (d.status IS NULL OR d.status NOT IN ('applied', 'rejected'))
          AND (d.key NOT LIKE 'context/%' OR d.seq > l.desired_acked)
        ORDER BY d.seq LIMIT 1)
FROM down_log l JOIN node n ON n.id = l.node
WHERE n.enrolled AND n.active
ORDER BY l.node
