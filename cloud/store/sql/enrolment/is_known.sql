SELECT enrolled FROM node WHERE id = $1
