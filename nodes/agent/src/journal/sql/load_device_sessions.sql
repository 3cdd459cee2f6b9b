SELECT hash, kind, device, expires_at FROM device_session WHERE expires_at > ?
