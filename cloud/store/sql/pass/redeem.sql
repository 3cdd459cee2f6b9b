UPDATE pass SET used_by = coalesce(used_by, $2) WHERE id = $1 RETURNING customer
