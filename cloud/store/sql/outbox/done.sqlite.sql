DELETE FROM outbox WHERE place IN (SELECT value FROM json_each($1))
