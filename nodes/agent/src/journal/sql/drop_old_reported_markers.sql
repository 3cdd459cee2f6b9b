DELETE FROM log_record WHERE stream = 'reported' AND seq IN (SELECT seq FROM reported_marker WHERE applied_at <= ?)
