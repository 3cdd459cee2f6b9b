DELETE FROM outbox WHERE place IN (SELECT value::BIGINT FROM jsonb_array_elements_text($1) AS value)
