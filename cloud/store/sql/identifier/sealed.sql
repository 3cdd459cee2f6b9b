SELECT sealed FROM identifier WHERE customer = $1 ORDER BY created_at DESC LIMIT 1
