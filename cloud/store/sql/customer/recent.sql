SELECT customer FROM (
    SELECT customer FROM visit WHERE opened_at >= $1 AND customer IS NOT NULL
    UNION
    SELECT customer FROM session WHERE created_at >= $1
) AS seen
ORDER BY customer LIMIT $2
