-- A new session of a known epoch keeps its cursor; a new epoch starts at 0 with no poison behind it.
INSERT INTO stream_cursor (node, stream, epoch, seq, mark, poison_run, pending, applied, quarantined, committed_at)
VALUES ($1, $2, $3, 0, $4, 0, $5, 0, 0, $6)
ON CONFLICT (node, stream) DO UPDATE SET
    seq = CASE WHEN stream_cursor.epoch = excluded.epoch THEN stream_cursor.seq ELSE 0 END,
    poison_run = CASE WHEN stream_cursor.epoch = excluded.epoch THEN stream_cursor.poison_run ELSE 0 END,
    mark = CASE WHEN stream_cursor.mark < excluded.mark THEN excluded.mark ELSE stream_cursor.mark END,
    pending = excluded.pending, epoch = excluded.epoch, committed_at = excluded.committed_at
