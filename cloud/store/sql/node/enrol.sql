INSERT INTO node (id, tenant, store, part, enrolled, active, reclaim, mark, software, presence)
VALUES ($1, $2, $3, $4, TRUE, TRUE, FALSE, 0, '', 'new')
ON CONFLICT (id) DO UPDATE SET enrolled = TRUE, active = TRUE
