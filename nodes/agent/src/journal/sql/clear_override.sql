DELETE FROM document_override WHERE key = ? AND at = ?
