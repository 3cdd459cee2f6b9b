INSERT INTO send (candidate, customer, channel, offer, campaign, category, visit, cost_milli, committed, at)
SELECT unhex(r.value ->> 'candidate', '-'), $1, r.value ->> 'channel', unhex(r.value ->> 'offer', '-'), unhex(r.value ->> 'campaign', '-'),
       r.value ->> 'category', unhex(r.value ->> 'visit', '-'), r.value ->> 'cost_milli', r.value ->> 'committed', r.value ->> 'at'
FROM json_each($2) AS r WHERE TRUE
ON CONFLICT (candidate) DO UPDATE SET committed = excluded.committed, cost_milli = excluded.cost_milli, at = excluded.at
