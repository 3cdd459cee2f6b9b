-- The store decides who was first; a repeat of the same customer changes nothing.
UPDATE handshake SET state = 'claimed', customer = $2, visit = $3
WHERE id = $1 AND (state = 'offered' OR (state = 'claimed' AND customer = $2))
