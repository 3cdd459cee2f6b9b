UPDATE stream_cursor SET applied = applied + 1 WHERE node = $1 AND stream = $2
