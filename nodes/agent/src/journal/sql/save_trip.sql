INSERT INTO trip (trip, body) VALUES (?1, ?2)
ON CONFLICT (trip) DO UPDATE SET body = excluded.body
