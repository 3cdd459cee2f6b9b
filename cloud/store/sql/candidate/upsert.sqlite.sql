INSERT INTO candidate (id, customer, kind, channel, offer, category, title, body, relevance, value, valid_until, due, traceparent, at)
SELECT unhex(r.value ->> 'candidate', '-'), $1, r.value ->> 'kind', r.value ->> 'channel', unhex(r.value ->> 'offer', '-'), r.value ->> 'category',
       r.value -> 'title', r.value -> 'body', r.value ->> 'relevance', r.value ->> 'value', r.value ->> 'valid_until', r.value ->> 'due',
       r.value ->> 'traceparent', r.value ->> 'at'
FROM json_each($2) AS r WHERE TRUE
ON CONFLICT (id) DO UPDATE SET due = excluded.due
