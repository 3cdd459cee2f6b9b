INSERT INTO down_order (node, seq, id, event, crc)
VALUES ($1, $2, $3, $4, $5)
