SELECT id FROM node WHERE enrolled ORDER BY id
