SELECT candidate FROM decision WHERE visit = $1 AND customer = $2
