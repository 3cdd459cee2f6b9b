-- In one snapshot: which log it is, where the stream ends, and its records.
SELECT l.epoch, l.order_next - 1, r.seq, r.id, r.event, r.crc, r.relogof
FROM down_log l
LEFT JOIN (SELECT seq, id, event, crc, relogof FROM down_order WHERE node = $1 AND seq > $2 ORDER BY seq LIMIT $3) r ON TRUE
WHERE l.node = $1
ORDER BY r.seq
