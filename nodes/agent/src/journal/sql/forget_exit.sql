DELETE FROM used_exit WHERE jti = ?1
