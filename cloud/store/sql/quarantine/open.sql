SELECT node, stream, epoch, seq, event, type_name, error, at, tries, fate, settled_at, settled_by, reason
FROM quarantine WHERE fate IS NULL ORDER BY at DESC, seq DESC LIMIT $1
