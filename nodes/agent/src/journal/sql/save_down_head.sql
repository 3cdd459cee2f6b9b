INSERT INTO down_head (one, epoch, mark) VALUES (1, ?, ?)
ON CONFLICT (one) DO UPDATE SET epoch = excluded.epoch, mark = excluded.mark
