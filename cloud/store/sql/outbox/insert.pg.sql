INSERT INTO outbox (place, topic, key, payload, traceparent, at)
SELECT r.place, r.topic, r.key, r.payload, r.traceparent, r.at
FROM jsonb_to_recordset($1) AS r (place BIGINT, topic TEXT, key TEXT, payload JSONB, traceparent TEXT, at TIMESTAMPTZ)
