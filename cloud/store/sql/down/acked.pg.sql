-- Rows are locked in the one order of all writers of heads.
WITH said AS (SELECT * FROM unnest($1::TEXT[], $2::TEXT[], $3::BIGINT[], $4::BIGINT[]) AS said (node, epoch, orders, documents)),
     locked AS (SELECT l.node FROM down_log l JOIN said ON said.node = l.node AND said.epoch = l.epoch
                WHERE l.order_acked < said.orders OR l.desired_acked < said.documents
                ORDER BY l.node COLLATE "C" FOR UPDATE OF l)
UPDATE down_log l
SET order_acked = greatest(l.order_acked, said.orders), desired_acked = greatest(l.desired_acked, said.documents)
FROM said
WHERE l.node = said.node AND l.epoch = said.epoch AND l.node IN (SELECT node FROM locked)
