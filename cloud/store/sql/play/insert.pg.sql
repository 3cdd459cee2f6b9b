INSERT INTO play (node, screen, boot, seq, offer, offer_rev, event, zone, rule, outcome, started_at, duration_ms, clock_synced, display_power)
SELECT $1, r.screen, r.boot, r.seq, r.offer, r.offer_rev, r.event, r.zone, r.rule, r.outcome, r.started_at, r.duration_ms, r.clock_synced, r.display_power
FROM unnest($2::TEXT[], $3::UUID[], $4::BIGINT[], $5::UUID[], $6::BIGINT[], $7::TEXT[], $8::TEXT[], $9::TEXT[], $10::TEXT[], $11::TIMESTAMPTZ[],
            $12::BIGINT[], $13::BOOLEAN[], $14::TEXT[])
     AS r (screen, boot, seq, offer, offer_rev, event, zone, rule, outcome, started_at, duration_ms, clock_synced, display_power)
ON CONFLICT DO NOTHING
