UPDATE node
SET epoch = $2, session = $3, mark = CASE WHEN mark < $4 THEN $4 ELSE mark END, open_term = $5,
    reclaim = reclaim AND NOT $6, software = $7,
    since = CASE WHEN presence = 'online' THEN since ELSE $8 END,
    presence = 'online', heard_at = $8, will_at = NULL
WHERE id = $1
