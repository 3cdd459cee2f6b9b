-- One active node per store, whatever two boxes do at once. Where two stand already, the first by name stays.
UPDATE node SET active = FALSE
WHERE active AND EXISTS (
    SELECT 1 FROM node n
    WHERE n.tenant = node.tenant AND n.store = node.store AND n.active
      AND (CASE WHEN n.enrolled THEN 0 ELSE 1 END, n.id) < (CASE WHEN node.enrolled THEN 0 ELSE 1 END, node.id));

CREATE UNIQUE INDEX node_active_of_store ON node (tenant, store) WHERE active;
