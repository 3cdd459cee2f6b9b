INSERT INTO document_override (key, at, until_mono, event, report) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (key) DO UPDATE SET at = excluded.at, until_mono = excluded.until_mono, event = excluded.event, report = excluded.report
