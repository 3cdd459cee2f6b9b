SELECT w.value ->> 'place', n.enrolled, n.active, n.epoch, n.session, n.open_term, n.presence, c.seq, c.poison_run
FROM json_each($1) AS w
JOIN node n ON n.id = w.value ->> 'node'
JOIN partition_term t ON t.part = n.part AND t.term = w.value ->> 'term'
JOIN partition_lease l ON l.part = n.part
LEFT JOIN stream_cursor c ON c.node = n.id AND c.stream = w.value ->> 'stream' AND c.epoch = n.epoch
WHERE l.owner = $2
