SELECT id FROM node WHERE tenant = $1 AND store = $2 AND active AND id <> $3 ORDER BY id LIMIT 1
