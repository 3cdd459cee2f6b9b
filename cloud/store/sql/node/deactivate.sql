UPDATE node SET active = FALSE WHERE tenant = $1 AND store = $2 AND active AND id <> $3
