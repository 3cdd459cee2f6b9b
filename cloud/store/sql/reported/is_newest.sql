-- Whether a revision would be the newest: its epoch is the node's, and none above it is known.
SELECT count(*) FROM node n
WHERE n.id = $1 AND n.epoch = $3
  AND NOT EXISTS (SELECT 1 FROM reported r WHERE r.node = n.id AND r.key = $2 AND r.epoch = $3 AND r.seq > $4)
