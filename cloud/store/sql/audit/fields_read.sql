-- Each field once by each reader, however often it was read.
SELECT DISTINCT actor, detail FROM audit WHERE subject = $1 AND action = 'profile.read' ORDER BY detail, actor LIMIT $2
