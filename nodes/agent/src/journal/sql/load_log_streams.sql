SELECT s.stream, s.next, s.high, s.acked, s.base, s.records, s.bytes,
    coalesce((SELECT min(r.seq) FROM log_record r WHERE r.stream = s.stream), s.next) AS kept, s.purged
FROM log_stream s
