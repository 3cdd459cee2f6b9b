-- To negative numbers first, so that no new number meets an old one.
UPDATE down_order SET
    relogof = $2 || '/' || CAST(down_order.seq AS TEXT),
    applied_at = NULL,
    seq = -ranked.place
FROM (SELECT seq, row_number() OVER (ORDER BY seq) AS place FROM down_order WHERE node = $1) AS ranked
WHERE down_order.node = $1 AND down_order.seq = ranked.seq
