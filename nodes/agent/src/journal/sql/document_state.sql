SELECT epoch, seq, rejected FROM document WHERE key = ? AND (event IS NOT NULL OR rejected IS NOT NULL OR key IN (SELECT key FROM document_waiting))
