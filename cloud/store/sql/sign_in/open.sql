SELECT id, identifier, code_hash, tries_left, issued_at, expires_at FROM sign_in
WHERE identifier = $1 AND code_hash IS NOT NULL
ORDER BY issued_at DESC LIMIT 1
