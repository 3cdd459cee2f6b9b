INSERT INTO about_me (customer, sealed, at) VALUES ($1, $2, $3)
ON CONFLICT (customer) DO UPDATE SET sealed = excluded.sealed, at = excluded.at
