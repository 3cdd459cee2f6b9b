SELECT node, max(not_after) FROM certificate WHERE revoked_at IS NULL GROUP BY node ORDER BY node
