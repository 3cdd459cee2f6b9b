-- Heads are locked in the one order of all writers of heads. Mark and highest seq rise only under an open session of the node: a log that was set
-- back must not catch up with what its peer has seen before HELLO has compared both.
WITH wish AS (SELECT * FROM unnest($1::TEXT[], $2::BIGINT[], $3::BIGINT[]) AS wish (node, orders, documents)),
     locked AS (SELECT l.node, coalesce(n.open_term = t.term AND p.lease_until > clock_timestamp(), FALSE) AS open
                FROM down_log l
                JOIN wish ON wish.node = l.node
                JOIN node n ON n.id = l.node
                JOIN partition_term t ON t.part = n.part
                JOIN partition_lease p ON p.part = n.part
                WHERE l.successor IS NULL ORDER BY l.node COLLATE "C" FOR UPDATE OF l)
UPDATE down_log l
SET mark = l.mark + CASE WHEN locked.open THEN 1 ELSE 0 END,
    order_next = l.order_next + wish.orders,
    order_high = CASE WHEN locked.open AND wish.orders > 0 THEN l.order_next + wish.orders - 1 ELSE l.order_high END,
    desired_next = l.desired_next + wish.documents,
    desired_high = CASE WHEN locked.open AND wish.documents > 0 THEN l.desired_next + wish.documents - 1 ELSE l.desired_high END
FROM wish JOIN locked ON locked.node = wish.node
WHERE l.node = wish.node
RETURNING l.node, l.order_next, l.desired_next, l.mark, locked.open
