SELECT offer, count(*) FROM card WHERE at >= $1 GROUP BY offer
