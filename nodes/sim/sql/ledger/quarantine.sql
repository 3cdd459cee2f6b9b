-- Records that stand where a person can see them.
SELECT event, stream FROM quarantine WHERE node = $1
