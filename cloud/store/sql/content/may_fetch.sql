SELECT count(*) FROM node WHERE id = $1 AND enrolled AND NOT EXISTS (SELECT 1 FROM certificate c WHERE c.node = node.id)
