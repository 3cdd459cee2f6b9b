SELECT customer FROM pass WHERE id = $1
