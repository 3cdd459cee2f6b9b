SELECT r.seq, length(r.event) FROM reported_marker m JOIN log_record r ON r.stream = 'reported' AND r.seq = m.seq WHERE m.applied_at <= ?
