-- Heads of the logs of nodes that are connected and have not applied all of it.
SELECT l.node, l.order_next - 1, l.desired_next - 1
FROM down_log l JOIN node n ON n.id = l.node
WHERE n.enrolled AND n.presence = 'online'
    AND (l.order_next - 1 > l.order_acked OR l.desired_next - 1 > l.desired_acked)
