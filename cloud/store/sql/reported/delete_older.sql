DELETE FROM reported WHERE node = $1 AND epoch <> $2
