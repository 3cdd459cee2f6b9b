INSERT INTO legal_text (id, version, language, body) VALUES ($1, $2, $3, $4)
