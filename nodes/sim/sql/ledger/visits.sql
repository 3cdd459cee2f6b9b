-- Effects of openings and ends.
SELECT id, closed_at IS NOT NULL FROM visit WHERE node = $1
