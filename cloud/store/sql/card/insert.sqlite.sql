INSERT INTO card (id, customer, offer, offer_rev, visit, candidate, why, score, until, at, traceparent)
SELECT unhex(r.value ->> 'card', '-'), $1, unhex(r.value ->> 'offer', '-'), r.value ->> 'offer_rev', unhex(r.value ->> 'visit', '-'),
       unhex(r.value ->> 'candidate', '-'), r.value -> 'why', r.value ->> 'score', r.value ->> 'until', r.value ->> 'at', r.value ->> 'traceparent'
FROM json_each($2) AS r WHERE TRUE
ON CONFLICT (id) DO UPDATE SET offer_rev = excluded.offer_rev, visit = excluded.visit, why = excluded.why, score = excluded.score,
    until = excluded.until, removed_at = NULL
