UPDATE node SET will_at = $3
WHERE id = $1 AND session = $2 AND presence = 'online'
