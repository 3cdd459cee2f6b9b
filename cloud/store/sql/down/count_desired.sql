SELECT count(*) FROM down_document WHERE node = $1 AND seq > $2
