INSERT INTO content_part (sha256, place, bytes) VALUES ($1, $2, $3)
