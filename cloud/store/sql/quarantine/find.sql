SELECT node, stream, epoch, seq, event, type_name, error, at, tries, fate, settled_at, settled_by, reason
FROM quarantine WHERE node = $1 AND stream = $2 AND epoch = $3 AND seq = $4
