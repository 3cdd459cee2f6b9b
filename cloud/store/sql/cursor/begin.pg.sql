SELECT n.enrolled, n.active, n.epoch, n.session, n.open_term, n.presence, c.seq, c.poison_run
FROM node n
JOIN partition_term t ON t.part = n.part
JOIN partition_lease l ON l.part = n.part
LEFT JOIN stream_cursor c ON c.node = n.id AND c.stream = $2 AND c.epoch = n.epoch
WHERE n.id = $1 AND t.term = $3 AND l.owner = $4 AND l.lease_until > clock_timestamp()
FOR SHARE OF t
