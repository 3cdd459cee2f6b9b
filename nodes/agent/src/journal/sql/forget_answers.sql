DELETE FROM answer WHERE at <= ?
