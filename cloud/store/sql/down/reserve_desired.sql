UPDATE down_log
SET mark = mark + 1, desired_next = desired_next + $2, desired_high = desired_next + $2 - 1
WHERE node = $1 AND successor IS NULL
RETURNING desired_next - $2, mark
