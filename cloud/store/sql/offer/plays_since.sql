SELECT offer, count(*) FROM play WHERE started_at >= $1 AND offer IS NOT NULL GROUP BY offer
