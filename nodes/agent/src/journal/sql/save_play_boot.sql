INSERT INTO play_boot (screen, boot, high) VALUES (?, ?, ?)
ON CONFLICT (screen, boot) DO UPDATE SET high = excluded.high
