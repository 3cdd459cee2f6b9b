INSERT INTO used_exit (jti, expires_at) VALUES (?1, ?2)
