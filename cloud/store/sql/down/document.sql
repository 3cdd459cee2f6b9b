SELECT event FROM down_document
WHERE node = coalesce((SELECT successor FROM down_log WHERE node = $1), $1) AND key = $2 AND NOT deleted
