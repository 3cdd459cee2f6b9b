SELECT actor, action, detail FROM audit WHERE subject = $1 ORDER BY at, id LIMIT $2
