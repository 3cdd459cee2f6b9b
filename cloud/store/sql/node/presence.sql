UPDATE node
SET since = CASE WHEN presence = $3 THEN since ELSE $4 END, presence = $3, heard_at = $4, will_at = NULL
WHERE id = $1 AND session = $2
