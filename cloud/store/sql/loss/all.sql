SELECT node, stream, kind, records, bytes, epoch, from_seq, to_seq, at FROM loss ORDER BY node, stream, kind
