INSERT INTO play (node, screen, boot, seq, offer, offer_rev, event, zone, rule, outcome, started_at, duration_ms, clock_synced, display_power)
SELECT $1, r.value ->> 'screen', unhex(r.value ->> 'boot', '-'), r.value ->> 'seq', unhex(r.value ->> 'offer', '-'), r.value ->> 'offer_rev',
       r.value ->> 'event', r.value ->> 'zone', r.value ->> 'rule', r.value ->> 'outcome', r.value ->> 'started_at', r.value ->> 'duration_ms',
       r.value ->> 'clock_synced', r.value ->> 'display_power'
FROM json_each($2) AS r WHERE TRUE
ON CONFLICT DO NOTHING
