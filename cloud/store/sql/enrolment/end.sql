UPDATE node SET enrolled = FALSE WHERE id = $1
