-- Mark and highest seq rise only under an open session of the node: a log that was set back must not catch up with what its peer has seen before
-- HELLO has compared both. One instance alone has no lease to lose.
UPDATE down_log
SET mark = mark + wish.open,
    order_next = order_next + wish.orders,
    order_high = CASE WHEN wish.open AND wish.orders > 0 THEN order_next + wish.orders - 1 ELSE order_high END,
    desired_next = desired_next + wish.documents,
    desired_high = CASE WHEN wish.open AND wish.documents > 0 THEN desired_next + wish.documents - 1 ELSE desired_high END
FROM (SELECT n.id AS node, n.open_term IS t.term AS open, w.value ->> 'orders' AS orders, w.value ->> 'documents' AS documents
      FROM json_each($1) AS w
      JOIN node n ON n.id = w.value ->> 'node'
      JOIN partition_term t ON t.part = n.part) AS wish
WHERE down_log.node = wish.node AND successor IS NULL
RETURNING down_log.node, order_next, desired_next, mark,
    (SELECT n.open_term IS t.term FROM node n JOIN partition_term t ON t.part = n.part WHERE n.id = down_log.node)
