UPDATE node SET active = (id = $3) WHERE tenant = $1 AND store = $2
