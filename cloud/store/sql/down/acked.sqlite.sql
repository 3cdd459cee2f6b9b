UPDATE down_log
SET order_acked = max(order_acked, said.value ->> 'orders'), desired_acked = max(desired_acked, said.value ->> 'documents')
FROM json_each($1) AS said
WHERE down_log.node = said.value ->> 'node' AND down_log.epoch = said.value ->> 'epoch'
