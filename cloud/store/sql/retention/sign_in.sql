DELETE FROM sign_in WHERE issued_at < $1
