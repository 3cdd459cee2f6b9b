SELECT nonce, issued_at FROM used_code
