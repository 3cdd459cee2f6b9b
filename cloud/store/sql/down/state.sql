SELECT epoch, lineage, mark,
       order_kept, order_next, order_high, order_acked,
       desired_kept, desired_next, desired_high, desired_acked, desired_base
FROM down_log WHERE node = $1
