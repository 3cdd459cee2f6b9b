DELETE FROM outbox WHERE place = ANY ($1)
