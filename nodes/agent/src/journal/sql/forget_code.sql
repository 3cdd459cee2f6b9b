DELETE FROM used_code WHERE nonce = ?
