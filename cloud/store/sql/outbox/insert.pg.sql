INSERT INTO outbox (place, topic, key, payload, traceparent, at)
SELECT r.place, r.topic, r.key, r.payload, r.traceparent, r.at
FROM unnest($1::BIGINT[], $2::TEXT[], $3::TEXT[], $4::JSONB[], $5::TEXT[], $6::TIMESTAMPTZ[]) AS r (place, topic, key, payload, traceparent, at)
