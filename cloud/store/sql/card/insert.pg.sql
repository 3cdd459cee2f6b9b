INSERT INTO card (id, customer, offer, offer_rev, visit, candidate, why, score, until, at, traceparent)
SELECT r.card, $1, r.offer, r.offer_rev, r.visit, r.candidate, r.why, r.score, r.until, r.at, r.traceparent
FROM jsonb_to_recordset($2) AS r (card UUID, offer UUID, offer_rev BIGINT, visit UUID, candidate UUID, why JSONB, score DOUBLE PRECISION,
                                  until TIMESTAMPTZ, at TIMESTAMPTZ, traceparent TEXT)
ON CONFLICT (id) DO UPDATE SET offer_rev = excluded.offer_rev, visit = excluded.visit, why = excluded.why, score = excluded.score,
    until = excluded.until, removed_at = NULL
