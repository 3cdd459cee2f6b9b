DELETE FROM claim WHERE node = $1 AND certificate IS NULL
