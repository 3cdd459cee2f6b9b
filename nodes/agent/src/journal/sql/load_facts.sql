SELECT metric, value, expires_at FROM fact WHERE expires_at > $1
