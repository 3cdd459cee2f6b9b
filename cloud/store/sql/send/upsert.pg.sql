INSERT INTO send (candidate, customer, channel, offer, campaign, category, visit, cost_milli, committed, at)
SELECT r.candidate, $1, r.channel, r.offer, r.campaign, r.category, r.visit, r.cost_milli, r.committed, r.at
FROM jsonb_to_recordset($2) AS r (candidate UUID, channel TEXT, offer UUID, campaign UUID, category TEXT, visit UUID, cost_milli BIGINT,
                                  committed BOOLEAN, at TIMESTAMPTZ)
ON CONFLICT (candidate) DO UPDATE SET committed = excluded.committed, cost_milli = excluded.cost_milli, at = excluded.at
