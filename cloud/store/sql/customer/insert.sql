INSERT INTO customer (id, version, language, consent_epoch, hurried, open_complaint, channels_off, affinity, created_at)
VALUES ($1, 0, $2, 0, FALSE, FALSE, $3, $4, $5)
