UPDATE node SET enrolled = FALSE
WHERE enrolled AND id NOT IN (SELECT value FROM jsonb_array_elements_text($1) AS value)
