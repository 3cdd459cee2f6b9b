SELECT id, campaign, state, rev, draft, published, changed_at FROM offer ORDER BY changed_at DESC, id LIMIT $1
