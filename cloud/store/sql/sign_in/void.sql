-- Earlier codes of the identifier stop; their instants stay for the rate rule.
UPDATE sign_in SET code_hash = NULL WHERE identifier = $1 AND code_hash IS NOT NULL
