SELECT event FROM down_document WHERE node = $1 AND key = $2 AND NOT deleted
