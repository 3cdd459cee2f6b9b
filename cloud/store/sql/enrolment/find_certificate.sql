SELECT c.node, n.enrolled AND c.revoked_at IS NULL
FROM certificate c JOIN node n ON n.id = c.node
WHERE c.fingerprint = $1
