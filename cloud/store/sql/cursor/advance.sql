UPDATE stream_cursor
SET seq = $5, mark = CASE WHEN mark < $6 THEN $6 ELSE mark END, poison_run = $7, pending = $8,
    applied = applied + $9, quarantined = quarantined + $10, committed_at = $11
WHERE node = $1 AND stream = $2 AND epoch = $3 AND seq = $4
