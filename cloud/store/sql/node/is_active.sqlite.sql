SELECT active FROM node WHERE id = $1 AND enrolled
