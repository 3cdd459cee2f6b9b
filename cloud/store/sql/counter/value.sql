SELECT value FROM counter WHERE name = $1 AND key = $2
