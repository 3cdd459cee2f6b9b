SELECT channel, outcome, category, offer, at FROM outcome WHERE customer = $1 ORDER BY at DESC LIMIT $2
