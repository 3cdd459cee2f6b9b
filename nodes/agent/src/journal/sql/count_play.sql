INSERT INTO play_hour (screen, event, started_at) VALUES (?, ?, ?)
