SELECT seq, id, event, crc, relogof FROM down_order
WHERE node = $1 AND seq > $2 ORDER BY seq LIMIT $3
