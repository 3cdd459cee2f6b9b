SELECT jti, expires_at FROM used_exit
