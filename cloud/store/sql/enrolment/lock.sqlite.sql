-- The one writer is the lock.
SELECT id FROM node WHERE id = $1
