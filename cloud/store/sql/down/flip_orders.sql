UPDATE down_order SET seq = -seq WHERE node = $1 AND seq < 0
