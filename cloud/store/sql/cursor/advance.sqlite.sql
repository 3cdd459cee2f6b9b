UPDATE stream_cursor
SET seq = m.reached, mark = max(stream_cursor.mark, m.mark), poison_run = m.poison_run, pending = m.pending,
    applied = stream_cursor.applied + m.applied, quarantined = stream_cursor.quarantined + m.quarantined, committed_at = m.at
FROM (SELECT value ->> 'node' AS node, value ->> 'stream' AS stream, value ->> 'epoch' AS epoch, value ->> 'stood' AS stood,
             value ->> 'reached' AS reached, value ->> 'mark' AS mark, value ->> 'poison_run' AS poison_run, value ->> 'pending' AS pending,
             value ->> 'applied' AS applied, value ->> 'quarantined' AS quarantined, value ->> 'at' AS at FROM json_each($1)) AS m
WHERE stream_cursor.node = m.node AND stream_cursor.stream = m.stream AND stream_cursor.epoch = m.epoch AND stream_cursor.seq = m.stood
