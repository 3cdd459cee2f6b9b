-- Heads are locked in the one order of all writers of heads.
WITH wish AS (SELECT * FROM jsonb_to_recordset($1) AS wish (node TEXT, orders BIGINT, documents BIGINT)),
     locked AS (SELECT l.node FROM down_log l JOIN wish ON wish.node = l.node
                WHERE l.successor IS NULL ORDER BY l.node COLLATE "C" FOR UPDATE OF l)
UPDATE down_log l
SET mark = l.mark + 1,
    order_next = l.order_next + wish.orders,
    order_high = CASE WHEN wish.orders > 0 THEN l.order_next + wish.orders - 1 ELSE l.order_high END,
    desired_next = l.desired_next + wish.documents,
    desired_high = CASE WHEN wish.documents > 0 THEN l.desired_next + wish.documents - 1 ELSE l.desired_high END
FROM wish
WHERE l.node = wish.node AND l.node IN (SELECT node FROM locked)
RETURNING l.node, l.order_next, l.desired_next, l.mark
