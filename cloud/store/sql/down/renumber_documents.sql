UPDATE down_document SET
    relogof = $2 || '/' || CAST(down_document.seq AS TEXT),
    applied_at = NULL,
    status = NULL,
    code = NULL,
    seq = -ranked.place
FROM (SELECT seq, row_number() OVER (ORDER BY seq) AS place FROM down_document WHERE node = $1) AS ranked
WHERE down_document.node = $1 AND down_document.seq = ranked.seq
