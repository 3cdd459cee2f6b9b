SELECT node, event, type_name, error, at FROM quarantine ORDER BY at DESC LIMIT $1
