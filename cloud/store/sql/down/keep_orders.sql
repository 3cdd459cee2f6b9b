-- The lowest seq that stays, before older rows go.
UPDATE down_log SET order_kept = coalesce(
    (SELECT min(seq) FROM down_order o WHERE o.node = down_log.node AND (o.applied_at IS NULL OR o.applied_at >= $1)),
    order_next)
WHERE node IN (SELECT node FROM down_order WHERE applied_at < $1)
