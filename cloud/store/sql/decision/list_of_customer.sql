SELECT id, candidate, customer, offer, title, channel, store, visit, sent, clause, reason, score, propensity, why, at, traceparent
FROM decision
WHERE customer = $4 AND ($5 IS NULL OR offer = $5) AND ($6 IS NULL OR visit = $6) AND ($7 IS NULL OR store = $7)
  AND (at < $1 OR (at = $1 AND id < $2))
ORDER BY at DESC, id DESC LIMIT $3
