INSERT INTO used_code (nonce, issued_at) VALUES (?, ?)
