DELETE FROM document WHERE event IS NULL AND rejected IS NULL AND key NOT IN (SELECT key FROM document_waiting) AND at <= ?
