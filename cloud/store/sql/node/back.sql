UPDATE node SET presence = 'online', since = $3, will_at = NULL
WHERE id = $1 AND session = $2 AND presence = 'lost'
