DELETE FROM document WHERE event IS NULL AND at <= ?
