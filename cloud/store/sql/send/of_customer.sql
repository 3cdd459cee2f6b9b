SELECT candidate, channel, offer, campaign, category, visit, cost_milli, committed, at FROM send
WHERE customer = $1 AND (at >= $2 OR visit = $3)
ORDER BY at
