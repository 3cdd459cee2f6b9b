INSERT INTO play (node, screen, boot, seq, offer, offer_rev, event, zone, rule, outcome, started_at, duration_ms, clock_synced, display_power,
                  schedule, creative_sha256, mono_ms, cut_by, engagements, names)
SELECT $1, r.screen, r.boot, r.seq, r.offer, r.offer_rev, r.event, r.zone, r.rule, r.outcome, r.started_at, r.duration_ms, r.clock_synced, r.display_power,
       r.schedule, r.creative_sha256, r.mono_ms, r.cut_by, r.engagements, r.names
FROM unnest($2::TEXT[], $3::UUID[], $4::BIGINT[], $5::UUID[], $6::BIGINT[], $7::TEXT[], $8::TEXT[], $9::TEXT[], $10::TEXT[], $11::TIMESTAMPTZ[], $12::BIGINT[],
            $13::BOOLEAN[], $14::TEXT[], $15::TEXT[], $16::TEXT[], $17::BIGINT[], $18::TEXT[], $19::TEXT[], $20::TEXT[])
     AS r (screen, boot, seq, offer, offer_rev, event, zone, rule, outcome, started_at, duration_ms, clock_synced, display_power,
           schedule, creative_sha256, mono_ms, cut_by, engagements, names)
ON CONFLICT DO NOTHING
