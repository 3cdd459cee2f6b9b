INSERT INTO decision (id, candidate, customer, offer, title, channel, store, visit, sent, clause, reason, score, propensity, why, inputs, at, traceparent)
SELECT unhex(r.value ->> 'decision', '-'), unhex(r.value ->> 'candidate', '-'), unhex(r.value ->> 'customer', '-'), unhex(r.value ->> 'offer', '-'),
       r.value -> 'title', r.value ->> 'channel', r.value ->> 'store', unhex(r.value ->> 'visit', '-'), r.value ->> 'sent', r.value ->> 'clause',
       r.value ->> 'reason', r.value ->> 'score', r.value ->> 'propensity', r.value -> 'why', r.value -> 'inputs', r.value ->> 'at',
       r.value ->> 'traceparent'
FROM json_each($1) AS r
