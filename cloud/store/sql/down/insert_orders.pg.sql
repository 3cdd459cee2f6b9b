INSERT INTO down_order (node, seq, id, event, crc)
SELECT r.node, r.seq, r.id, convert_to(r.event, 'UTF8'), r.crc
FROM jsonb_to_recordset($1) AS r (node TEXT, seq BIGINT, id UUID, event TEXT, crc BIGINT)
