DELETE FROM fact WHERE metric = $1
