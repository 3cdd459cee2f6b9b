SELECT count(*) FROM document_waiting WHERE key = ?
