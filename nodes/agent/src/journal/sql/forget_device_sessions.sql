DELETE FROM device_session WHERE expires_at <= ?
