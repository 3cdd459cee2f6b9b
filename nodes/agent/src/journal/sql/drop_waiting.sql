DELETE FROM document_waiting WHERE key = ?
