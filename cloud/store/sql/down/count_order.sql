SELECT count(*) FROM down_order WHERE node = $1 AND seq > $2
