INSERT INTO offer (id, campaign, state, rev, draft, published, changed_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (id) DO UPDATE SET campaign = excluded.campaign, state = excluded.state, rev = excluded.rev, draft = excluded.draft,
    published = excluded.published, changed_at = excluded.changed_at
