UPDATE sign_in SET tries_left = $3 WHERE id = $1 AND tries_left = $2 AND code_hash IS NOT NULL
