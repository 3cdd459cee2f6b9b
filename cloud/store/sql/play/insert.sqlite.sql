INSERT INTO play (node, screen, boot, seq, offer, offer_rev, event, zone, rule, outcome, started_at, duration_ms, clock_synced, display_power,
                  schedule, creative_sha256, mono_ms, cut_by, engagements, names)
SELECT $1, r.value ->> 'screen', unhex(r.value ->> 'boot', '-'), r.value ->> 'seq', unhex(r.value ->> 'offer', '-'), r.value ->> 'offer_rev',
       r.value ->> 'event', r.value ->> 'zone', r.value ->> 'rule', r.value ->> 'outcome', r.value ->> 'started_at', r.value ->> 'duration_ms',
       r.value ->> 'clock_synced', r.value ->> 'display_power', r.value ->> 'schedule', r.value ->> 'creative_sha256', r.value ->> 'mono_ms', r.value ->> 'cut_by',
       r.value ->> 'engagements', r.value ->> 'names'
FROM json_each($2) AS r WHERE TRUE
ON CONFLICT DO NOTHING
