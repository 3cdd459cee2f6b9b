UPDATE down_log
SET mark = mark + 1,
    order_next = order_next + (wish.value ->> 'orders'),
    order_high = CASE WHEN (wish.value ->> 'orders') > 0 THEN order_next + (wish.value ->> 'orders') - 1 ELSE order_high END,
    desired_next = desired_next + (wish.value ->> 'documents'),
    desired_high = CASE WHEN (wish.value ->> 'documents') > 0 THEN desired_next + (wish.value ->> 'documents') - 1 ELSE desired_high END
FROM json_each($1) AS wish
WHERE down_log.node = wish.value ->> 'node' AND successor IS NULL
RETURNING down_log.node, order_next, desired_next, mark
