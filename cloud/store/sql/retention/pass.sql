DELETE FROM pass WHERE expires_at < $1
