SELECT count(*), coalesce(sum(length(event)), 0) FROM log_record WHERE stream = ? AND seq <= ?
