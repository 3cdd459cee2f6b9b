UPDATE down_log
SET mark = mark + 1, desired_high = CASE WHEN desired_high < $2 THEN $2 ELSE desired_high END
WHERE node = $1 AND epoch = $3
RETURNING mark
