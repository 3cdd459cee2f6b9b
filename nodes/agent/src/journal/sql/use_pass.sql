INSERT INTO used_pass (pass, visit, expires_at) VALUES (?, ?, ?)
