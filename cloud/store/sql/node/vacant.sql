-- Whether a store has no node that may serve it.
SELECT count(*) = 0 FROM node WHERE tenant = $1 AND store = $2 AND enrolled AND active
