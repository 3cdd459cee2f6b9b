UPDATE document SET change = ? WHERE key = ?
