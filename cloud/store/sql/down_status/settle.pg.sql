UPDATE down_document d SET status = s.status, code = s.code
FROM unnest($2::TEXT[], $3::BIGINT[], $4::TEXT[], $5::TEXT[]) AS s (key, seq, status, code)
WHERE d.node = $1 AND d.key = s.key AND d.seq = s.seq
