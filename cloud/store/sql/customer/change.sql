UPDATE customer SET version = version + 1, affinity = coalesce($3, affinity), language = $4, consent_epoch = $5, paused_until = $6,
    hurried = $7, open_complaint = $8, context = $9, context_at = $10, channels_off = $11
WHERE id = $1 AND version = $2
