SELECT epoch, lineage, mark FROM down_log WHERE node = $1
