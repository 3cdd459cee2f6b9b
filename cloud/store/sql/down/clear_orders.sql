DELETE FROM down_order WHERE node = $1
