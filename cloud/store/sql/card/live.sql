SELECT id, offer, offer_rev, visit, candidate, why, score, until, at, traceparent FROM card
WHERE customer = $1 AND removed_at IS NULL AND until > $2
ORDER BY at, id
