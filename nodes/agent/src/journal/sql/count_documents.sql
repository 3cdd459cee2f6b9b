SELECT count(*) FROM document WHERE key <> ?
