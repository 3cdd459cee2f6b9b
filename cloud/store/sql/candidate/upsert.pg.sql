INSERT INTO candidate (id, customer, kind, channel, offer, category, title, body, relevance, value, valid_until, due, traceparent, at)
SELECT r.candidate, $1, r.kind, r.channel, r.offer, r.category, r.title, r.body, r.relevance, r.value, r.valid_until, r.due, r.traceparent, r.at
FROM jsonb_to_recordset($2) AS r (candidate UUID, kind TEXT, channel TEXT, offer UUID, category TEXT, title JSONB, body JSONB,
                                  relevance DOUBLE PRECISION, value DOUBLE PRECISION, valid_until TIMESTAMPTZ, due TIMESTAMPTZ, traceparent TEXT,
                                  at TIMESTAMPTZ)
ON CONFLICT (id) DO UPDATE SET due = excluded.due
