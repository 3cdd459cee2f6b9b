SELECT count(*) FROM tap WHERE node = $1
