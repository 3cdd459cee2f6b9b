SELECT issued_at FROM sign_in WHERE identifier = $1 AND issued_at > $2 ORDER BY issued_at LIMIT 100
