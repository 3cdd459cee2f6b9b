DELETE FROM quarantine WHERE settled_at < $1
