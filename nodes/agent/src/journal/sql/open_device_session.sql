INSERT INTO device_session (hash, kind, device, expires_at) VALUES (?, ?, ?, ?)
