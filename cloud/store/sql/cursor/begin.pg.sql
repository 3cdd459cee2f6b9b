-- Terms are locked in the one order of whoever locks several.
SELECT w.place, n.enrolled, n.active, n.epoch, n.session, n.open_term, n.presence, c.seq, c.poison_run
FROM unnest($1::BIGINT[], $2::TEXT[], $3::TEXT[], $4::BIGINT[]) AS w (place, node, stream, term)
JOIN node n ON n.id = w.node
JOIN partition_term t ON t.part = n.part AND t.term = w.term
JOIN partition_lease l ON l.part = n.part
LEFT JOIN stream_cursor c ON c.node = w.node AND c.stream = w.stream AND c.epoch = n.epoch
WHERE l.owner = $5 AND l.lease_until > clock_timestamp()
ORDER BY t.part
FOR SHARE OF t
