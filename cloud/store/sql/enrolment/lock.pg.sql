-- What stands about a node's certificates is decided by one transaction at a time.
SELECT id FROM node WHERE id = $1 FOR UPDATE
