SELECT d.key, d.change, d.at, coalesce(o.event, d.event), coalesce(d.rejected = 'not_here', FALSE) FROM document d LEFT JOIN document_override o ON o.key = d.key
WHERE d.change > ? ORDER BY d.change LIMIT ?
