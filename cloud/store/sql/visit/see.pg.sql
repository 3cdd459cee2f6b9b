UPDATE visit SET
    zone = CASE WHEN visit.seen_at <= r.zone_at THEN coalesce(r.zone, visit.zone) ELSE visit.zone END,
    seen_at = greatest(visit.seen_at, r.at),
    version = visit.version + r.signals
FROM unnest($1::UUID[], $2::TIMESTAMPTZ[], $3::TEXT[], $4::TIMESTAMPTZ[], $5::BIGINT[]) AS r (id, at, zone, zone_at, signals)
WHERE visit.id = r.id
RETURNING visit.id, visit.customer, visit.store, visit.closed_at
