UPDATE document SET epoch = ?, seq = ?, rejected = ? WHERE key = ? AND event IS NOT NULL
