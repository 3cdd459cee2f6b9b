SELECT place FROM outbox WHERE place = $1
