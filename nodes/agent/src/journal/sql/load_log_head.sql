SELECT epoch, mark, session_counter FROM log_head WHERE one = 1
