INSERT INTO reported (node, key, epoch, seq, body, at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (node, key) DO UPDATE SET epoch = excluded.epoch, seq = excluded.seq, body = excluded.body, at = excluded.at
