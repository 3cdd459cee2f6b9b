INSERT INTO consent (id, customer, purpose, channel, granted, legal_text, text_version, language, text_sha256, shown_sha256, method,
                     occurred_at, recorded_at, expires_at, supersedes, epoch)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
