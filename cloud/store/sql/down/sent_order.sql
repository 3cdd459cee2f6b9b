UPDATE down_log
SET mark = mark + 1, order_high = CASE WHEN order_high < $2 THEN $2 ELSE order_high END
WHERE node = $1 AND epoch = $3
RETURNING mark
