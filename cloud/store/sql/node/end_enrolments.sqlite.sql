UPDATE node SET enrolled = FALSE
WHERE enrolled AND id NOT IN (SELECT value FROM json_each($1))
