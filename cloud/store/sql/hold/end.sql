INSERT INTO stream_unhold (node, stream, at) VALUES ($1, $2, $3)
ON CONFLICT (node, stream) DO UPDATE SET at = excluded.at
