SELECT customer FROM identifier WHERE hash = $1
