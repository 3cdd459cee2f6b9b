SELECT id, kind, channel, offer, category, title, body, relevance, value, valid_until, due, traceparent, at FROM candidate
WHERE customer = $1 ORDER BY at, id
