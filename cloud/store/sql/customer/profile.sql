SELECT id, version, language, consent_epoch, paused_until, hurried, open_complaint, context, context_at, channels_off, affinity, created_at
FROM customer WHERE id = $1
