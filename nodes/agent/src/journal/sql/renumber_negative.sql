UPDATE log_record SET relogof = CASE WHEN stream IN ('sess', 'audit') THEN ? || '/' || seq END, seq = -ranked.rank
FROM (SELECT place AS id, row_number() OVER (PARTITION BY stream ORDER BY seq) AS rank FROM log_record) AS ranked
WHERE log_record.place = ranked.id
