SELECT id, purpose, channel, granted, legal_text, text_version, language, text_sha256, shown_sha256, method,
       occurred_at, recorded_at, expires_at, supersedes, epoch
FROM consent WHERE customer = $1 ORDER BY occurred_at, recorded_at, id
