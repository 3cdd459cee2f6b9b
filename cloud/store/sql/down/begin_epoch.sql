UPDATE down_log SET
    epoch = $2, lineage = $3,
    mark = CASE WHEN mark < $4 THEN $4 ELSE mark END,
    order_kept = 1, order_acked = 0, order_high = 0,
    order_next = 1 + (SELECT count(*) FROM down_order o WHERE o.node = $1),
    desired_kept = 1, desired_acked = 0, desired_high = 0,
    desired_next = 1 + (SELECT count(*) FROM down_document d WHERE d.node = $1),
    desired_base = (SELECT count(*) FROM down_document d WHERE d.node = $1)
WHERE node = $1
