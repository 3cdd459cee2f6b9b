DELETE FROM answer WHERE at < $1
