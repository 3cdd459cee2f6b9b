DELETE FROM reported_marker WHERE applied_at <= ?
