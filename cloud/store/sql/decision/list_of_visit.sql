SELECT id, candidate, customer, offer, title, channel, store, visit, sent, clause, reason, score, propensity, why, at, traceparent
FROM decision
WHERE visit = $4 AND (store = $5 OR $5 IS NULL)
  AND (at < $1 OR (at = $1 AND id < $2))
ORDER BY at DESC, id DESC LIMIT $3
