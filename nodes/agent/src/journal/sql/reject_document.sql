UPDATE document SET rejected = ? WHERE key = ?
