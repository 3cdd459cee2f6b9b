SELECT id, candidate, customer, offer, title, channel, store, visit, sent, clause, reason, score, propensity, why, at, traceparent
FROM decision
WHERE customer = $4 AND (offer = $5 OR $5 IS NULL) AND (visit = $6 OR $6 IS NULL) AND (store = $7 OR $7 IS NULL)
  AND (at < $1 OR (at = $1 AND id < $2))
ORDER BY at DESC, id DESC LIMIT $3
