SELECT id FROM node WHERE store = $1 AND enrolled AND active ORDER BY id LIMIT 1
