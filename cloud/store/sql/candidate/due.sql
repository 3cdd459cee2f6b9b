SELECT customer, id FROM candidate WHERE due <= $1 ORDER BY due, id LIMIT $2
