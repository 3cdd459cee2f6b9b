DELETE FROM play_hour WHERE started_at <= ?
