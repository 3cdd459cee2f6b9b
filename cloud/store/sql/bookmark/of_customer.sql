SELECT offer, at FROM bookmark WHERE customer = $1 ORDER BY at DESC
