INSERT INTO revocation (node, at) VALUES ($1, $2) ON CONFLICT (node) DO UPDATE SET at = $2
