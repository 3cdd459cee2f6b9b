DELETE FROM code_used WHERE expires_at < $1
