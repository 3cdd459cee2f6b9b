DELETE FROM admission WHERE at < $1
