SELECT pass, visit, expires_at FROM used_pass
