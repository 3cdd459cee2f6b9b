SELECT store, count(*) FROM visit WHERE closed_at IS NULL GROUP BY store ORDER BY store
