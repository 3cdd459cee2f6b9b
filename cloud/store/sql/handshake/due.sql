-- A claim is made before the offer ends, and takes as long as it may from then on.
SELECT id FROM handshake WHERE (state = 'active' AND until <= $1) OR (state = 'claimed' AND expires_at <= $2) ORDER BY id LIMIT $3
