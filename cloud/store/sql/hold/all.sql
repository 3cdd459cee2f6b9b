SELECT node, stream, seq, poison_run, committed_at FROM stream_cursor WHERE poison_run >= $1 ORDER BY node, stream
