SELECT event FROM document_waiting WHERE key = ? AND epoch = ? AND seq = ?
