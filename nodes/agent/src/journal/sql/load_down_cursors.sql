SELECT stream, seq, poison_run FROM down_cursor
