DELETE FROM fact WHERE expires_at <= $1
