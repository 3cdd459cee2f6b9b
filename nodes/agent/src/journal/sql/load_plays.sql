SELECT event, started_at FROM play_hour WHERE screen = ? AND started_at > ? ORDER BY started_at
