UPDATE down_log
SET order_acked = CASE WHEN order_acked < $2 THEN $2 ELSE order_acked END,
    desired_acked = CASE WHEN desired_acked < $3 THEN $3 ELSE desired_acked END
WHERE node = $1
