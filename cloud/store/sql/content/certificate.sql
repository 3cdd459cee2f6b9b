SELECT c.node, c.pem FROM certificate c JOIN node n ON n.id = c.node
WHERE c.fingerprint = $1 AND c.revoked_at IS NULL AND n.enrolled
