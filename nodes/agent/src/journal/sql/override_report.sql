SELECT report FROM document_override WHERE key = ?
