DELETE FROM candidate WHERE id = $1 AND customer = $2
