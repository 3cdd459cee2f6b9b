UPDATE down_document SET seq = -seq WHERE node = $1 AND seq < 0
