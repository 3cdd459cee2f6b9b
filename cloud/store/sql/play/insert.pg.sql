INSERT INTO play (node, screen, boot, seq, offer, offer_rev, event, zone, rule, outcome, started_at, duration_ms, clock_synced, display_power)
SELECT $1, r.screen, r.boot, r.seq, r.offer, r.offer_rev, r.event, r.zone, r.rule, r.outcome, r.started_at, r.duration_ms, r.clock_synced, r.display_power
FROM jsonb_to_recordset($2) AS r (screen TEXT, boot UUID, seq BIGINT, offer UUID, offer_rev BIGINT, event TEXT, zone TEXT, rule TEXT, outcome TEXT,
                                  started_at TIMESTAMPTZ, duration_ms BIGINT, clock_synced BOOLEAN, display_power TEXT)
ON CONFLICT DO NOTHING
