INSERT INTO outbox (place, topic, key, payload, traceparent, at)
VALUES ($1, $2, $3, $4, $5, $6)
