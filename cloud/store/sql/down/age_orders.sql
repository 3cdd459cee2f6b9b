UPDATE down_order SET applied_at = $1
WHERE applied_at IS NULL AND seq <= (SELECT order_acked FROM down_log l WHERE l.node = down_order.node)
