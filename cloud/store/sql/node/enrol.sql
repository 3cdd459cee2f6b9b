-- A node that was revoked comes back by a new claim, not by standing in a configuration.
INSERT INTO node (id, tenant, store, part, enrolled, active, reclaim, mark, software, presence)
VALUES ($1, $2, $3, $4, TRUE, FALSE, FALSE, 0, '', 'new')
ON CONFLICT (id) DO UPDATE SET enrolled = NOT EXISTS (SELECT 1 FROM revocation r WHERE r.node = node.id)
