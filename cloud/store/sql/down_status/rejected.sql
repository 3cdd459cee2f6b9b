SELECT node, key, code FROM down_document WHERE status = 'rejected' ORDER BY node, key LIMIT $1
