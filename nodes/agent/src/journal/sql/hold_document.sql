INSERT INTO document_waiting (key, epoch, seq, event) VALUES (?, ?, ?, ?)
