INSERT INTO down_log (node, epoch, lineage, mark, order_kept, order_next, order_high, order_acked,
                      desired_kept, desired_next, desired_high, desired_acked, desired_base)
VALUES ($1, $2, $3, 0, 1, 1, 0, 0, 1, 1, 0, 0, 0)
ON CONFLICT (node) DO NOTHING
