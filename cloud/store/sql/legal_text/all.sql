SELECT body FROM legal_text ORDER BY id, version, language
