DELETE FROM bookmark WHERE customer = $1 AND offer = $2
