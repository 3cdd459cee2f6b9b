UPDATE stream_cursor SET poison_run = 0 WHERE node = $1 AND stream = $2 AND poison_run >= $3
