SELECT key, epoch, seq, event FROM document_waiting ORDER BY seq
