SELECT successor FROM down_log WHERE node = $1
