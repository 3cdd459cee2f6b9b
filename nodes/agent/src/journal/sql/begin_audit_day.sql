INSERT INTO audit_day (day, key) VALUES (?1, ?2)
