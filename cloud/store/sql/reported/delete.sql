DELETE FROM reported WHERE node = $1 AND key = $2
