INSERT INTO node_alarm (node, alarm, at) VALUES ($1, $2, $3)
ON CONFLICT (node, alarm) DO UPDATE SET at = excluded.at
