DELETE FROM down_document WHERE node = $1
