UPDATE certificate SET revoked_at = $2 WHERE node = $1 AND revoked_at IS NULL
