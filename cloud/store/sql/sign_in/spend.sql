UPDATE sign_in SET code_hash = NULL WHERE id = $1 AND code_hash IS NOT NULL
