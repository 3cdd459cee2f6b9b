UPDATE reported_marker SET applied_at = ? WHERE applied_at IS NULL AND seq <= ?
