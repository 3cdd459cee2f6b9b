-- An effect that adds: applied twice, it shows.
SELECT coalesce(sum(value), 0)::BIGINT FROM counter WHERE name = 'checkin_refused' AND key LIKE $1 || '/%'
