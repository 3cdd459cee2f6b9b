SELECT c.node, n.enrolled, n.active, c.not_after, c.revoked_at
FROM certificate c JOIN node n ON n.id = c.node
ORDER BY c.node, c.not_after
