SELECT l.node, l.replaces, l.expires_at, c.key_hash, c.pem
FROM claim l LEFT JOIN certificate c ON c.fingerprint = l.certificate
WHERE l.hash = $1
