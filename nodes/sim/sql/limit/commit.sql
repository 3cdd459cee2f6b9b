-- One record, one commit, one fsync.
INSERT INTO limit_commit (seq, event) VALUES ($1, $2)
