SELECT fingerprint, serial, revoked_at FROM certificate WHERE revoked_at IS NOT NULL ORDER BY revoked_at, fingerprint
