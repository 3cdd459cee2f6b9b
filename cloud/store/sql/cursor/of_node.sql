SELECT stream, seq, mark FROM stream_cursor WHERE node = $1 AND epoch = $2
