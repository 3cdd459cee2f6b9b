UPDATE visit SET
    zone = CASE WHEN visit.seen_at <= r.value ->> 'zone_at' THEN coalesce(r.value ->> 'zone', visit.zone) ELSE visit.zone END,
    seen_at = max(visit.seen_at, r.value ->> 'at'),
    version = visit.version + (r.value ->> 'count')
FROM json_each($1) AS r
WHERE visit.id = unhex(r.value ->> 'visit', '-')
RETURNING id, customer, store, closed_at
