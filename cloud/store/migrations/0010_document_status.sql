-- What became of each document's newest revision at its store: none before the node has said so (AS-076).
ALTER TABLE down_document ADD COLUMN status TEXT;
ALTER TABLE down_document ADD COLUMN code TEXT;
CREATE INDEX down_document_open ON down_document (node, seq) WHERE NOT deleted AND (status IS NULL OR status NOT IN ('applied', 'rejected'));
CREATE INDEX down_document_rejected ON down_document (node, key) WHERE status = 'rejected';
CREATE INDEX reported_override ON reported (node, key) WHERE key LIKE 'override/%';
