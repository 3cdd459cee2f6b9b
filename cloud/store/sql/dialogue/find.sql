SELECT id, customer, store, display, offer, lines, done, at FROM dialogue WHERE id = $1
