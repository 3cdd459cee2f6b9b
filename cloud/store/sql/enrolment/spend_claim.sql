UPDATE claim SET certificate = $2 WHERE hash = $1 AND certificate IS NULL
