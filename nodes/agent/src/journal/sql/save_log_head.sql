INSERT INTO log_head (one, epoch, mark, session_counter) VALUES (1, ?, ?, ?)
ON CONFLICT (one) DO UPDATE SET epoch = excluded.epoch, mark = excluded.mark, session_counter = excluded.session_counter
