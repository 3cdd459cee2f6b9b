INSERT INTO outbox (place, topic, key, payload, traceparent, at)
SELECT r.value ->> 'place', r.value ->> 'topic', r.value ->> 'key', r.value -> 'payload', r.value ->> 'traceparent', r.value ->> 'at'
FROM json_each($1) AS r
