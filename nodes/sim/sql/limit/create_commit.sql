-- A file of the shape that a node's log has, for the time of one commit.
CREATE TABLE limit_commit (seq INTEGER PRIMARY KEY, event BLOB NOT NULL)
