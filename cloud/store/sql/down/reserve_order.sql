UPDATE down_log
SET mark = mark + 1, order_next = order_next + $2, order_high = order_next + $2 - 1
WHERE node = $1 AND successor IS NULL
RETURNING order_next - $2, mark
