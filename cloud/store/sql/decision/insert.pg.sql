INSERT INTO decision (id, candidate, customer, offer, title, channel, store, visit, sent, clause, reason, score, propensity, why, inputs, at, traceparent)
SELECT r.decision, r.candidate, r.customer, r.offer, r.title, r.channel, r.store, r.visit, r.sent, r.clause, r.reason, r.score, r.propensity,
       r.why, r.inputs, r.at, r.traceparent
FROM jsonb_to_recordset($1) AS r (decision UUID, candidate UUID, customer UUID, offer UUID, title JSONB, channel TEXT, store TEXT, visit UUID,
                                  sent BOOLEAN, clause BIGINT, reason TEXT, score DOUBLE PRECISION, propensity DOUBLE PRECISION, why JSONB,
                                  inputs JSONB, at TIMESTAMPTZ, traceparent TEXT)
